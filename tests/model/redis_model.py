"""The part of Redis that the protocol uses, as a pure function from store to store.

The project's Lua scripts are executed as they are, by Lua 5.1, the version inside Redis. What
a script does depends on its keys, its arguments and the time alone, so results are kept.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped] # it has no stubs


class Value(NamedTuple):
    """What a key holds: bytes; or pairs of member and score, of field and bytes."""

    data: bytes | tuple[tuple[str, Any], ...]
    expires_at_ms: int | None


#: Sorted by key, without expired ones.
Store = tuple[tuple[str, Value], ...]
Reply = Any


def freeze(values: dict[str, Value], now_ms: int) -> Store:
    """Return *values* in their canonical form."""
    return tuple(
        (key, value)
        for key, value in sorted(values.items())
        if value.expires_at_ms is None or value.expires_at_ms > now_ms
    )


def text_of(store: Store, key: str) -> bytes | None:
    """Return the string under *key*."""
    for name, value in store:
        if name == key:
            return value.data if isinstance(value.data, bytes) else None
    return None


def sorted_set(store: Store, key: str) -> dict[str, float]:
    """Return the sorted set under *key*, empty if there is none."""
    for name, value in store:
        if name == key and isinstance(value.data, tuple):
            return dict(value.data)
    return {}


class Server:
    """The commands, on the keys of one script."""

    def __init__(self, values: dict[str, Value], now_ms: int) -> None:
        self.values = values
        self.now_ms = now_ms

    def call(self, command: bytes, *raw: bytes | float) -> Any:
        """Execute *command*."""
        args = [_text(arg) for arg in raw]
        run: Callable[..., Any] = getattr(self, f"_{command.decode().lower()}")
        return run(*args)

    def live(self, key: str) -> Value | None:
        """Return what is under *key* and has not expired."""
        value = self.values.get(key)
        if value is None or (value.expires_at_ms or self.now_ms + 1) <= self.now_ms:
            return None
        return value

    def _time(self) -> list[bytes]:
        return [str(self.now_ms // 1000).encode(), str(self.now_ms % 1000 * 1000).encode()]

    def _get(self, key: str) -> bytes | bool:
        value = self.live(key)
        return False if value is None else bytes(value.data)  # type: ignore[arg-type] # a string

    def _set(self, key: str, data: str, *options: str) -> bool:
        words = [option.upper() for option in options]
        if "NX" in words and self.live(key) is not None:
            return False
        expires: int | None = None
        if "PX" in words:
            expires = self.now_ms + int(options[words.index("PX") + 1])
        elif "PXAT" in words:
            expires = int(options[words.index("PXAT") + 1])
        self.values[key] = Value(data.encode(), expires)
        return True

    def _del(self, *keys: str) -> int:
        gone = [key for key in keys if self.live(key) is not None]
        for key in keys:
            self.values.pop(key, None)
        return len(gone)

    _unlink = _del

    def _pexpiretime(self, key: str) -> int:
        value = self.live(key)
        if value is None:
            return -2
        return -1 if value.expires_at_ms is None else value.expires_at_ms

    def _pttl(self, key: str) -> int:
        at = self._pexpiretime(key)
        return at if at < 0 else at - self.now_ms

    def _pexpire(self, key: str, ms: str) -> int:
        value = self.live(key)
        if value is None or isinstance(value.data, tuple):  # the list of records stays
            return int(value is not None)
        self.values[key] = value._replace(expires_at_ms=self.now_ms + int(ms))
        return 1

    def _incr(self, key: str) -> int:
        value = self.live(key)
        count = 1 if value is None else int(bytes(value.data)) + 1  # type: ignore[arg-type] # a string
        data = str(count).encode()
        self.values[key] = Value(data, None) if value is None else value._replace(data=data)
        return count

    def _zadd(self, key: str, score: str, member: str) -> int:
        return self._replace_set(key, {member: float(score)}, ())

    def _zrem(self, key: str, member: str) -> int:
        return self._replace_set(key, {}, (member,))

    def _replace_set(self, key: str, added: dict[str, float], gone: tuple[str, ...]) -> int:
        value = self.live(key)
        members = {} if value is None else dict(value.data)  # type: ignore[arg-type] # a sorted set
        before = len(members)
        members.update(added)
        for member in gone:
            members.pop(member, None)
        self.values.pop(key, None)
        if members:
            self.values[key] = Value(tuple(sorted(members.items())), None)
        return abs(len(members) - before)

    def _publish(self, channel: str, message: str) -> int:
        # Followers of the model wake up whenever the lease is gone, notice or not.
        del channel, message
        return 0


class Scripts:
    """Executes Lua scripts against a store. Results are kept by all that they depend on."""

    def __init__(self, server: type[Server] = Server) -> None:
        self._make_server = server
        self._lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        self._server: Server | None = None
        self._functions: dict[str, Callable[..., Any]] = {}
        self._results: dict[Any, tuple[tuple[tuple[str, Value], ...], Reply]] = {}
        self.executed = 0
        wrap = self._lua.eval(b"function(f) redis = {call = f} end")
        wrap(self._call)

    def run(
        self, store: Store, now_ms: int, text: str, keys: tuple[str, ...], args: tuple[Any, ...]
    ) -> tuple[Store, Reply]:
        """Return the store after the script *text* has run, and what it has returned."""
        values = dict(store)
        relevant = tuple((key, values[key]) for key in keys if key in values)
        memo = (text, keys, args, now_ms, relevant)
        if memo not in self._results:
            self._results[memo] = self._execute(text, keys, args, now_ms, dict(relevant))
        after, reply = self._results[memo]
        if after == relevant:
            return store, reply
        for key in keys:
            values.pop(key, None)
        values.update(after)
        return freeze(values, now_ms), reply

    def _execute(
        self, text: str, keys: Iterable[str], args: Sequence[Any], now_ms: int, values: Any
    ) -> tuple[tuple[tuple[str, Value], ...], Reply]:
        self.executed += 1
        if text not in self._functions:
            body = f"return function(KEYS, ARGV)\n{text}\nend"
            self._functions[text] = self._lua.execute(body.encode())
        self._server = self._make_server(values, now_ms)
        keys_table = self._lua.table_from([key.encode() for key in keys])
        args_table = self._lua.table_from([_bytes(arg) for arg in args])
        reply = _reply(self._functions[text](keys_table, args_table))
        return tuple(sorted(self._server.values.items())), reply

    def _call(self, command: bytes, *args: bytes | float) -> Any:
        assert self._server is not None
        answer = self._server.call(command, *args)
        return self._lua.table_from(answer) if isinstance(answer, list) else answer


def _text(arg: bytes | float) -> str:
    if isinstance(arg, bytes):
        return arg.decode()
    return str(int(arg))


def _bytes(arg: object) -> bytes:
    return arg if isinstance(arg, bytes) else str(arg).encode()


def _reply(value: Any) -> Reply:
    """Return *value* as Redis would: numbers cut off, false as nil, tables up to the first nil."""
    if value is None or value is False:
        return None
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, bytes):
        return value
    items = []
    index = 1
    while value[index] is not None:
        items.append(_reply(value[index]))
        index += 1
    return tuple(items)
