from django.contrib.auth.views import LoginView
from django.urls import path

from gallery import views

urlpatterns = [
    path("", views.page, name="page"),
    path("login", LoginView.as_view(template_name="gallery/login.html"), name="login"),
    path("upload-token", views.upload_token),
    path("pictures", views.pictures),
    path("filemill-webhook", views.webhook),
]
