// ioredis against a running server: ready check, pipelines, scans, reconnects.
//
// Usage: node ioredis.mjs PORT
import assert from "node:assert/strict";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const client = new Redis({ port, connectionName: "ioredis-test", db: 5 });

await client.flushdb();
assert.equal(await client.ping(), "PONG");
assert.equal(await client.client("GETNAME"), "ioredis-test");
assert.equal(await client.set("key", "value", "PX", 100000), "OK");
assert.equal(await client.get("key"), "value");
assert.ok((await client.pttl("key")) > 0);
assert.deepEqual(await client.mget("key", "none"), ["value", null]);
assert.equal(await client.hset("hash", { one: 1, two: "zwei" }), 2);
assert.deepEqual(await client.hgetall("hash"), { one: "1", two: "zwei" });
assert.equal(await client.incr("count"), 1);
assert.deepEqual(await client.getBuffer("key"), Buffer.from("value"));
const binary = Buffer.from([0, 255, 13, 10, 36]);
await client.set(binary, binary);
assert.deepEqual(await client.getBuffer(binary), binary);

const pipeline = client.pipeline();
for (let number = 0; number < 20000; number++) pipeline.set(`k${number}`, number);
const replies = await pipeline.exec();
assert.ok(replies.every(([error, reply]) => error === null && reply === "OK"));

const seen = new Set();
for await (const keys of client.scanStream({ match: "k*", count: 500 })) keys.forEach((key) => seen.add(key));
assert.equal([...seen].filter((key) => /^k\d+$/.test(key)).length, 20000);

await assert.rejects(client.hget("key", "field"), /WRONGTYPE/);
await assert.rejects(client.call("NOSUCH"), /unknown command/);
assert.match(await client.info(), /redis_version:7\.2/);

// Many commands at once on many connections.
const others = Array.from({ length: 50 }, () => new Redis({ port, db: 5 }));
await Promise.all(others.map((other) => Promise.all(Array.from({ length: 100 }, () => other.incr("together")))));
assert.equal(await client.get("together"), "5000");
await Promise.all(others.map((other) => other.quit()));

// A connection that is killed comes back by itself.
const id = await client.client("ID");
const killer = new Redis({ port });
const reconnected = new Promise((resolve) => client.once("ready", resolve));
assert.equal(await killer.client("KILL", "ID", id), 1);
await reconnected;
assert.equal(await client.get("count"), "1");
await killer.quit();
await client.quit();
console.log("ioredis passed");
