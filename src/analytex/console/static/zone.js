// Tells the server the reader's time zone, so that days on charts are the reader's days.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`analytex_zone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `analytex_zone=${zone}; path=/console; max-age=31536000; samesite=lax${secure}`;
}
