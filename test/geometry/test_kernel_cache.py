"""Compiled kernels are kept for exactly the source they were made from."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.geometry.kernel_cache import source_digest

KERNEL = "from hand_object_recon.geometry.compiled import compiled\n"


def package_with(folder: Path, **modules: str) -> str:
    for name, content in modules.items():
        (folder / f"{name}.py").write_text(content, encoding="utf-8")
    return source_digest(folder)


def test_a_change_in_any_module_with_kernels_leads_to_another_folder(tmp_path: Path) -> None:
    before = package_with(tmp_path, one=KERNEL, two=KERNEL + "A = 1\n")
    assert package_with(tmp_path, two=KERNEL + "A = 2\n") != before
    assert package_with(tmp_path, two=KERNEL + "A = 1\n") == before


def test_modules_without_kernels_do_not_matter(tmp_path: Path) -> None:
    before = package_with(tmp_path, one=KERNEL)
    assert package_with(tmp_path, other="A = 3\n") == before


def test_two_kernels_that_change_places_are_another_source(tmp_path: Path) -> None:
    before = package_with(tmp_path, one=KERNEL + "A = 1\n", two=KERNEL + "A = 2\n")
    assert package_with(tmp_path, one=KERNEL + "A = 2\n", two=KERNEL + "A = 1\n") != before
