-- The script wrk runs: sends prebuilt requests for a given time, then lets every one be answered.
--
-- Arguments: FILE SECONDS CONNECTIONS RATE
--   FILE         whole HTTP requests, each ended by a zero byte
--   SECONDS      how long to send
--   CONNECTIONS  as given to wrk with -c (one thread)
--   RATE         requests per second over all connections; 0 = as fast as answers come back
--
-- wrk alone stops in the middle of requests that the server may have stored and that nobody counts.
-- So after SECONDS each connection is handed an empty request, which sends nothing; when every
-- connection has one, nothing is in flight any more, and wrk is told to stop (SIGINT is its own way).
-- Prints, for load.py, the line "quiet" at that moment, and at the end "counted" and the figures.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long s; long ns; } bench_time;
  int clock_gettime(int clock, bench_time *now);
  int getpid(void);
  int kill(int pid, int signal);
]]
local CLOCK_MONOTONIC, SIGINT = 1, 2
local now_buffer = ffi.new("bench_time")

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, now_buffer)
  return tonumber(now_buffer.s) + tonumber(now_buffer.ns) * 1e-9
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

local pool, size = {}, 0
local seconds, connections, rate
local verified, open, begun, deadline = false, true, nil, nil
local count, resting, slot = 0, 0, 0

sent, window, quiet, first = 0, 0, false, 0 -- read by done() through the thread

local function begin()
  begun = now()
  first = begun
  deadline = begun + seconds
end

local function paced_delay()
  if not begun then begin() end
  slot = slot + 1
  local wait = begun + slot / rate - now()
  if wait < 0 then return 0 end
  return math.floor(wait * 1000 + 0.5) -- wrk's timers count whole milliseconds
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for one in file:read("*a"):gmatch("[^%z]+") do
    size = size + 1
    pool[size] = one
  end
  file:close()
  seconds, connections, rate = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  if rate > 0 then delay = paced_delay end
end

function request()
  if not verified then -- wrk looks at one request before it starts
    verified = true
    return pool[1]
  end
  if not begun then begin() end
  if open and count % 8 == 0 then open = now() < deadline end -- asked rarely: wrk must stay the faster side
  if open then
    count = count + 1
    return pool[(count - 1) % size + 1]
  end
  resting = resting + 1
  if resting == connections then
    sent, window, quiet = count, seconds, true
    io.write("quiet\n")
    io.flush()
    ffi.C.kill(ffi.C.getpid(), SIGINT)
  end
  return ""
end

function done(summary, latency)
  local thread = threads[1]
  local errors = summary.errors
  io.write(string.format(
    "counted answered=%d sent=%d begun=%.6f window=%.6f quiet=%d refused=%d connect=%d read=%d write=%d timeout=%d p50_us=%d p99_us=%d max_us=%d\n",
    summary.requests, thread:get("sent"), thread:get("first"), thread:get("window"), thread:get("quiet") and 1 or 0,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
