"""Marks each test by what it needs, so that `make check` can run the tests of every room that need nothing."""

from __future__ import annotations

import pytest

# Fixtures that make a stage, on mocks or really deployed, and a browser.
STAGES = frozenset({"cloud", "stage", "client", "broken_stage", "local_stage", "api", "browser"})

# Tests that take more than two seconds each, by the beginning of their names. `make check` leaves them to `make test`.
SLOW = (
    "client/tests/cli/test_stops.py::",
    "client/tests/cli/test_watch.py::test_a_process_that_watches",
    "client/tests/test_broken_connections.py::",
    "client/tests/test_plan.py::",
    "tests/api/auth/test_jwt.py::test_a_token_with_one_other_character",
    "tests/api/auth/test_jwt.py::test_any_",
    "tests/bench/test_api.py::",
    "tests/bench/test_delivery.py::",
    "tests/bench/test_webhooks.py::",
    "tests/events/test_crashes.py::",
    "tests/events/test_receiver.py::",
    "tests/catalog/index/test_writer.py::test_the_index_is_that_of_the_records_however",
    "tests/catalog/test_costs.py::test_a_query_costs_the_same_with_100_and_with_100_000_files",
    "tests/catalog/test_values.py::test_an_attribute_is_read",
    "tests/compatibility/test_writing.py::",
    "tests/ops/stack/test_regions.py::test_cfn_lint_finds_nothing_in_any_region",
    "tests/ops/preflight/test_locked.py::",
    "tests/ops/test_package.py::",
    "tests/ops/test_setup.py::",
    "tests/processing/archive/test_zip_entry.py::test_changed_archives",
    "tests/processing/archive/test_zip_entry.py::test_the_largest_entry",
    "tests/processing/image/test_animation.py::test_memory",
    "tests/processing/image/test_hostile.py::",
    "tests/processing/image/test_quality.py::",
    "tests/processing/image/test_resize.py::test_renditions_of_both",
    "tests/processing/image/test_structures.py::",
    "tests/processing/media/test_bombs.py::",
    "tests/processing/test_pipeline.py::test_a_text_that_is_not_kept_in_memory",
    "tests/processing/test_text.py::test_changed_texts",
    "tests/processing/test_text.py::test_one_line_as_long",
    "tests/processing/test_words.py::test_a_long_text",
    "tests/test_table_calls.py::test_any_item",
    "tests/test_table_calls.py::test_each_region",
    "tests/test_wheels.py::test_chalice_packs",
    "tests/test_wheels.py::test_locked_wheels_are_packed",
)

# Files whose other tests take more than a second together, which `make check` leaves to `make test`, too.
LONG = (
    "client/tests/cli/test_parts.py",
    "client/tests/test_client.py",
    "client/tests/test_follow.py",
    "tests/api/test_documents.py",
    "tests/api/test_strings.py",
    "tests/api/test_webvtt.py",
    "tests/bench/test_fairness.py",
    "tests/catalog/index/test_writer.py",
    "tests/catalog/test_costs.py",
    "tests/catalog/test_rates.py",
    "tests/catalog/test_values.py",
    "tests/edge/test_edge.py",
    "tests/edge/test_listener.py",
    "tests/edge/test_negotiate.py",
    "tests/events/test_envelope.py",
    "tests/mutants/test_mutants.py",
    "tests/ops/demo/test_command.py",
    "tests/ops/doctor/test_remedies.py",
    "tests/ops/local/test_edge.py",
    "tests/ops/local/test_loopback.py",
    "tests/ops/local/test_tunnel.py",
    "tests/ops/openapi/test_document.py",
    "tests/ops/preflight/test_preflight.py",
    "tests/ops/stack/test_adoption.py",
    "tests/ops/stack/test_console.py",
    "tests/ops/stack/test_template.py",
    "tests/ops/stops/test_stops.py",
    "tests/ops/test_botocore_data.py",
    "tests/ops/test_operator_policy.py",
    "tests/ops/test_plan.py",
    "tests/outbound/test_any_answer.py",
    "tests/outbound/test_fetch.py",
    "tests/outbound/test_post.py",
    "tests/processing/archive/test_processor.py",
    "tests/processing/archive/test_zip_entry.py",
    "tests/processing/image/test_cascade.py",
    "tests/processing/image/test_colors_said.py",
    "tests/processing/image/test_compositor.py",
    "tests/processing/image/test_damage.py",
    "tests/processing/image/test_formats.py",
    "tests/processing/image/test_jpeg_decoder.py",
    "tests/processing/image/test_resize.py",
    "tests/processing/image/test_tiff.py",
    "tests/processing/image/test_words.py",
    "tests/processing/media/hls/",
    "tests/processing/media/test_sound_child.py",
    "tests/processing/office/test_hostile.py",
    "tests/processing/test_document.py",
    "tests/processing/test_email.py",
    "tests/processing/test_font.py",
    "tests/processing/test_fork_server.py",
    "tests/processing/test_fuzz.py",
    "tests/processing/test_on_demand.py",
    "tests/processing/test_pdf.py",
    "tests/processing/test_presentation.py",
    "tests/processing/test_spreadsheet.py",
    "tests/processing/test_svg.py",
    "tests/processing/test_text.py",
    "tests/test_app.py",
    "tests/test_clean.py",
    "tests/test_cold_start.py",
    "tests/test_examples.py",
    "tests/test_needs.py",
    "tests/test_patterns.py",
    "tests/test_table_calls.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test is `pure` unless it needs a stage, and `slow` where a list above says so."""
    left = SLOW + LONG
    for item in items:
        if not STAGES & set(getattr(item, "fixturenames", ())):
            item.add_marker("pure")
        if item.nodeid.startswith(left):
            item.add_marker("slow")
