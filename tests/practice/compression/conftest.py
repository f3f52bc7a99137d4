import pytest

from cartograd.engine.device.c_library import SWITCH, c_library
from cartograd.practice.compression import few_gelu, few_rows, few_rows_call, quicker

CACHES = (
    c_library, few_rows.exact, few_rows_call._call, few_gelu.exact, few_gelu.taken, few_gelu._call,
)  # fmt: skip


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """A clock that stands still: nothing is quicker, so integers stay; and nothing is kept."""
    shares = {}
    monkeypatch.setattr(quicker, "clock", lambda: 0.0)
    monkeypatch.setattr(quicker, "_shares", lambda: shares)
    monkeypatch.setattr(quicker, "keep", lambda *_: None)


@pytest.fixture(scope="module")
def compiled_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def there(compiled_folder, monkeypatch):
    """Compiled products, taken wherever they can be; whether there is a compiler."""
    monkeypatch.setenv("CARTOGRAD_CACHE", str(compiled_folder))
    monkeypatch.delenv(SWITCH)
    for cached in CACHES:
        cached.cache_clear()
    monkeypatch.setattr(few_rows, "quicker", lambda *_: True)
    yield c_library(few_rows.SOURCE).library is not None
    for cached in CACHES:
        cached.cache_clear()
