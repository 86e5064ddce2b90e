"""The page, the token for the user's browser, the webhook, and the pictures."""

from functools import cache

import filemill
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from gallery.models import Picture

SHOWN = 50


@cache
def client() -> filemill.Filemill:
    return filemill.Filemill()  # FILEMILL_URL and FILEMILL_KEY


@require_GET
@login_required
def page(request: HttpRequest) -> HttpResponse:
    return render(
        request, "gallery/page.html", {"filemill_url": settings.FILEMILL_URL, "pictures": shown(request.user)}
    )


@require_GET
@login_required
def pictures(request: HttpRequest) -> HttpResponse:
    return render(request, "gallery/pictures.html", {"pictures": shown(request.user)})


@require_POST
@login_required
def upload_token(request: HttpRequest) -> JsonResponse:
    """A token for the user's browser: 20 pictures of at most 20 MB each, for an hour. The files are the user's."""
    made = client().tokens.create(
        max_bytes=20_000_000, max_files=20, content_types=["image/*"], owner=str(request.user.pk)
    )
    return JsonResponse({"token": made.token})


@csrf_exempt  # Filemill has no session here: its signature says who it is
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Filemill calls this when a picture is ready. It may call twice for the same one."""
    try:
        event = filemill.verify(request.headers, request.body, settings.FILEMILL_WEBHOOK_SECRET)
    except filemill.InvalidSignature as error:
        return HttpResponseBadRequest(str(error))
    if event.type == "filemill.file.ready" and event.file and event.file.owner:
        owner = event.file.owner
        user = User.objects.filter(pk=owner).first() if owner.isdecimal() and len(owner) < 19 else None
        if user:
            Picture.objects.get_or_create(file_id=event.file.id, user=user)
    return HttpResponse(status=204)


def shown(user: User) -> list[tuple[str, SafeString]]:
    """The user's newest pictures: ids, and markup. Its addresses are signed, and are good for some hours only."""
    found = []
    for picture in user.pictures.all()[:SHOWN]:
        try:
            file = client().files.get(picture.file_id, include="delivery")
        except filemill.NotFound:  # it was deleted
            continue
        # The markup is Filemill's: names and captions in it are escaped.
        found.append((file.id, mark_safe(file.delivery.picture)))  # noqa: S308
    return found
