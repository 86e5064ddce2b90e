"""A FastAPI back end: its users send pictures straight to Filemill, and see them when they are ready.

No byte of a picture passes through this server. It makes upload tokens for users who are signed in, and hears by a
webhook which pictures are ready.
"""

from __future__ import annotations

import asyncio
import html
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from string import Template
from typing import Annotated

import filemill
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from fastapi.staticfiles import StaticFiles

HERE = Path(__file__).parent
FRONT_DOOR = os.environ["FILEMILL_URL"]
WEBHOOK_SECRET = os.environ["FILEMILL_WEBHOOK_SECRET"]
DATABASE = os.environ.get("DATABASE", "pictures.sqlite")
MOST_BYTES = 256 * 1024  # of a webhook's body; an event has 24 KB at most
# Names and passwords: stands in for the sign-in that your app has.
USERS = dict(pair.split(":") for pair in os.environ.get("USERS", "ada:lovelace").split())
SHOWN = 50


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS pictures (file_id TEXT PRIMARY KEY, owner TEXT NOT NULL)")
    async with filemill.AsyncFilemill() as client:  # FILEMILL_URL and FILEMILL_KEY
        app.state.filemill = client
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/static", StaticFiles(directory=HERE / "static"))


def signed_in(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    """The name of the user who asks."""
    password = USERS.get(given.username)
    if password is None or not secrets.compare_digest(password.encode(), given.password.encode()):
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})
    return given.username


User = Annotated[str, Depends(signed_in)]


@app.get("/")
async def page(user: User) -> HTMLResponse:
    shown = await _pictures(user)
    text = Template((HERE / "page.html").read_text(encoding="utf-8"))
    return HTMLResponse(text.substitute(url=html.escape(FRONT_DOOR), user=html.escape(user), pictures=shown))


@app.post("/upload-token")
async def upload_token(user: User) -> dict[str, str]:
    """A token for the user's browser: 20 pictures of at most 20 MB each, for an hour. The files are the user's."""
    tokens = app.state.filemill.tokens
    made = await tokens.create(max_bytes=20_000_000, max_files=20, content_types=["image/*"], owner=user)
    return {"token": made.token}


@app.post("/filemill-webhook", status_code=204)
async def webhook(request: Request) -> None:
    """Filemill calls this when a picture is ready. It may call twice for the same one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "A webhook's body is smaller.")
    try:
        event = filemill.verify(request.headers, body, WEBHOOK_SECRET)
    except filemill.InvalidSignature as error:
        raise HTTPException(400, str(error)) from None
    if event.type == "filemill.file.ready" and event.file and event.file.owner:
        with closing(sqlite3.connect(DATABASE)) as database, database:
            database.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?)", (event.file.id, event.file.owner))


@app.get("/pictures")
async def pictures(user: User) -> HTMLResponse:
    return HTMLResponse(await _pictures(user))


async def _pictures(user: str) -> str:
    """The user's newest pictures. Their addresses are signed, and are good for some hours only."""
    with closing(sqlite3.connect(DATABASE)) as database:
        rows = database.execute(
            "SELECT file_id FROM pictures WHERE owner = ? ORDER BY file_id DESC LIMIT ?", (user, SHOWN)
        )
        ids = [file_id for (file_id,) in rows]
    shown = await asyncio.gather(*map(_picture, ids))
    return "".join(shown)


async def _picture(file_id: str) -> str:
    try:
        file = await app.state.filemill.files.get(file_id, include="delivery")
    except filemill.NotFound:  # it was deleted
        return ""
    # The markup is Filemill's: names and captions in it are escaped.
    return f'<figure data-file="{file.id}">{file.delivery.picture}</figure>'
