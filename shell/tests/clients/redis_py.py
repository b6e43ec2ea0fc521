"""redis-py against a running server: the handshake and everyday commands, in RESP2 and RESP3.

Usage: redis_py.py PORT
"""

import sys
import threading

import redis

PORT = int(sys.argv[1])


def connect(protocol, **options):
    return redis.Redis(port=PORT, protocol=protocol, decode_responses=True, **options)


def everyday(protocol):
    client = connect(protocol, client_name="everyday", db=3)
    client.flushdb()
    assert client.ping() is True
    assert client.client_getname() == "everyday"
    assert client.set("text", "héllo", ex=100) is True
    assert client.get("text") == "héllo"
    assert 0 < client.ttl("text") <= 100
    assert client.set("text", "other", nx=True) is None
    assert client.set("text", "next", get=True) == "héllo"
    assert client.incrby("count", 5) == 5
    assert client.incrbyfloat("float", 1.5) == 1.5
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "b", "none") == ["1", "2", None]
    assert client.append("a", "x") == 2
    assert client.getrange("a", 0, 0) == "1"
    assert client.hset("hash", mapping={"one": 1, "two": 2}) == 2
    assert client.hgetall("hash") == {"one": "1", "two": "2"}
    assert client.hincrby("hash", "one", 41) == 42
    assert dict(client.hscan_iter("hash")) == {"one": "42", "two": "2"}
    assert sorted(client.scan_iter(match="*", count=2)) == ["a", "b", "count", "float", "hash", "text"]
    assert client.type("hash") == "hash"
    assert client.object("encoding", "hash") == "listpack"
    assert client.rename("a", "c") is True
    assert client.copy("c", "d") is True
    assert client.delete("b", "c", "none") == 2
    assert client.exists("d", "d", "none") == 2
    assert client.expire("d", 10, nx=True) is True
    assert client.persist("d") is True
    assert client.dbsize() == 5
    assert client.info("server")["redis_version"].startswith("7.2")
    assert client.info()["loading"] == 0
    assert client.config_get("databases") == {"databases": "16"}
    assert client.command_count() > 50
    assert "get" in client.command()
    assert client.client_info()["db"] == 3
    assert client.memory_usage("hash") > 0
    assert len(client.time()) == 2
    try:
        client.hget("text", "field")
    except redis.ResponseError as error:
        assert "WRONGTYPE" in str(error)
    else:
        raise AssertionError("a wrong type is an error")
    client.close()


def pipelines(protocol):
    client = connect(protocol)
    pipe = client.pipeline(transaction=False)
    for number in range(50_000):
        pipe.set(f"pipe:{number}", number)
        pipe.get(f"pipe:{number}")
    replies = pipe.execute()
    assert replies[1::2] == [str(number) for number in range(50_000)]
    value = "v" * (20 << 20)
    assert client.set("large", value) and client.get("large") == value
    client.delete("large")


def many_threads():
    pool = redis.ConnectionPool(port=PORT, max_connections=40)
    client = redis.Redis(connection_pool=pool)
    client.delete("shared")

    def work():
        for _ in range(500):
            client.incr("shared")

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(client.get("shared")) == 10_000


for version in (2, 3):
    everyday(version)
    pipelines(version)
many_threads()
print("redis-py", redis.__version__, "passed")
