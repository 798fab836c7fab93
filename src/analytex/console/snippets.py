"""Lines to copy that send a first event, in several languages."""

from typing import NamedTuple


class Snippet(NamedTuple):
    """A piece of code."""

    title: str
    text: str


def snippets(base_url: str, key: str) -> list[Snippet]:
    """Return one for each language; `key` is a key, or a name that stands for one."""
    is_name = key.startswith("$")
    python_key = 'os.environ["KEY"]' if is_name else f'"{key}"'
    script_key = "process.env.KEY" if is_name else f'"{key}"'
    return [
        Snippet(
            "curl",
            f"curl {base_url}/v1/track \\\n"
            f'  -H "Authorization: Token {key}" \\\n'
            """  -d '{"user_id": "ada", "event_name": "signed up", "metadata": {"plan": "pro"}}'""",
        ),
        Snippet(
            "Python",
            ("import os\n\n" if is_name else "") + "import httpx  # pip install httpx\n\n"
            "analytex = httpx.Client(\n"
            f'    base_url="{base_url}",\n'
            f'    headers={{"Authorization": "Token " + {python_key}}},\n'
            ")\n"
            "reply = analytex.post(\n"
            '    "/v1/track",\n'
            '    json={"user_id": "ada", "event_name": "signed up", "metadata": {"plan": "pro"}},\n'
            ")\n"
            "reply.raise_for_status()  # 202: the event is on disk",
        ),
        Snippet(
            "JavaScript",
            "// On a server: whoever has the key may send in your name.\n"
            f'const reply = await fetch("{base_url}/v1/track", {{\n'
            '  method: "POST",\n'
            "  headers: {\n"
            f'    Authorization: "Token " + {script_key},\n'
            '    "Content-Type": "application/json",\n'
            "  },\n"
            "  body: JSON.stringify({\n"
            '    user_id: "ada",\n'
            '    event_name: "signed up",\n'
            '    metadata: { plan: "pro" },\n'
            "  }),\n"
            "});\n"
            "if (reply.status !== 202) throw new Error(await reply.text());",
        ),
    ]
