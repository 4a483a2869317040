// What every test here shares: a connection of its own, unique names, cleaning up, waiting.
'use strict';

const crypto = require('node:crypto');
const test = require('node:test');
const amqp = require('amqplib');

const url = process.env.AMQP_URL;
const onRabbitMq3 = process.env.BROKER === 'rabbitmq';
const patienceMs = 8000;

/** Runs `body` with a fresh connection and channel, and removes what it named afterwards. */
function scenario(title, body) {
  test(title, { timeout: 15000 }, async () => {
    const names = [];
    const connections = [];
    const connect = async (options = {}, tuning = {}) => {
      const connection = await amqp.connect(tuned(tuning), { noDelay: true, ...options });
      connection.on('error', () => {});
      connections.push(connection);
      return connection;
    };
    const name = (hint) => {
      names.push(`node-${hint}-${crypto.randomUUID()}`);
      return names.at(-1);
    };
    const connection = await connect();
    const channel = await openChannel(connection);
    try {
      await body({ connection, channel, connect, name });
    } finally {
      for (const open of connections) await open.close().catch(() => {});
      await removeAll(names);
    }
  });
}

/** The broker's URL with heartbeat, frameMax or channelMax wishes. */
function tuned(tuning) {
  const wish = new URL(url);
  for (const [key, value] of Object.entries(tuning)) wish.searchParams.set(key, value);
  return wish.href;
}

async function removeAll(names) {
  if (names.length === 0) return;
  const connection = await amqp.connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  await Promise.all(names.flatMap((name) => [
    channel.deleteQueue(name), channel.deleteExchange(name)]));
  await connection.close();
}

/** A channel whose 'error' event does not end the process; confirms on if asked. */
async function openChannel(connection, { confirm = false } = {}) {
  const channel = await (confirm ? connection.createConfirmChannel() : connection.createChannel());
  channel.on('error', () => {});
  return channel;
}

/** Fails if `promise` is still pending after a while; `what` names it in the failure. */
function inTime(promise, what) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out waiting for ${what}`)), patienceMs);
  });
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
}

/** The next `event` of `emitter`, with its first argument. */
function next(emitter, event) {
  return inTime(new Promise((resolve) => emitter.once(event, resolve)), `event '${event}'`);
}

/** Runs `action`, which the broker must answer by closing `emitter`; gives back the error. */
async function closedBy(emitter, action) {
  const error = next(emitter, 'error');
  Promise.resolve(action()).catch(() => {});
  return error;
}

/** Starts a consumer and hands its deliveries out one by one. */
async function consume(channel, queue, options = {}) {
  const waiting = [];
  const arrived = [];
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (waiting.length > 0) waiting.shift()(message);
    else arrived.push(message);
  }, options);
  return {
    consumerTag,
    arrived,
    next: () => inTime(
      new Promise((resolve) => (arrived.length > 0 ? resolve(arrived.shift()) : waiting.push(resolve))),
      `a delivery from ${queue}`),
  };
}

/** Takes the bodies of all ready messages, acknowledging them. */
async function drain(channel, queue) {
  const bodies = [];
  for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
    bodies.push(message.content.toString());
    channel.ack(message);
  }
  return bodies;
}

/** Asks `probe` again and again until its answer is truthy. */
async function eventually(probe, what) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A message that appears in `queue` sooner or later, acknowledged. */
function eventuallyGet(channel, queue) {
  return eventually(() => channel.get(queue, { noAck: true }), `a message in ${queue}`);
}

module.exports = {
  amqp, closedBy, consume, drain, eventually, eventuallyGet, inTime, next, onRabbitMq3,
  openChannel, scenario, url,
};
