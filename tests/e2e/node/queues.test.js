// Queue features: dead letters, time to live, length limits, priorities, quorum type, retries.
'use strict';

const assert = require('node:assert/strict');
const { consume, drain, eventuallyGet, onRabbitMq3, openChannel, scenario } = require('./support');

/** A work queue whose dead letters land in a second queue through a fanout exchange. */
async function withDeadLetters(channel, name, options = {}) {
  const [work, exchange, dead] = [name('work'), name('dlx'), name('dead')];
  await channel.assertExchange(exchange, 'fanout');
  await channel.assertQueue(dead);
  await channel.bindQueue(dead, exchange, '');
  await channel.assertQueue(work, { deadLetterExchange: exchange, ...options });
  return { work, exchange, dead };
}

function send(channel, queue, body, options) {
  channel.sendToQueue(queue, Buffer.from(body), options);
}

scenario('a rejected message is dead-lettered with its history', async ({ channel, name }) => {
  const { work, exchange, dead } = await withDeadLetters(channel, name);
  send(channel, work, 'broken', { headers: { mine: 1 } });
  channel.reject(await channel.get(work), false);
  const { fields, properties } = await eventuallyGet(channel, dead);
  assert.deepEqual([fields.exchange, fields.routingKey], [exchange, work]);
  const { headers } = properties;
  assert.equal(headers.mine, 1);
  assert.equal(headers['x-first-death-queue'], work);
  assert.equal(headers['x-first-death-reason'], 'rejected');
  assert.equal(headers['x-first-death-exchange'], '');
  assert.equal(headers['x-death'].length, 1);
  const [death] = headers['x-death'];
  assert.equal(death.time['!'], 'timestamp');
  assert.ok(Math.abs(death.time.value - Date.now() / 1000) < 60);
  assert.deepEqual({ ...death, time: null }, {
    count: 1, reason: 'rejected', queue: work, exchange: '', 'routing-keys': [work], time: null });
});

scenario('a dead letter takes the routing key it is told', async ({ channel, name }) => {
  const [work, dead] = [name('work'), name('dead')];
  await channel.assertQueue(dead);
  await channel.assertQueue(work, { deadLetterExchange: '', deadLetterRoutingKey: dead });
  send(channel, work, 'x');
  channel.nack(await channel.get(work), false, false);
  const message = await eventuallyGet(channel, dead);
  assert.deepEqual(message.properties.headers['x-death'][0]['routing-keys'], [work]);
});

scenario('messages expire by the queue\'s time to live', async ({ channel, name }) => {
  const { work, dead } = await withDeadLetters(channel, name, { messageTtl: 50 });
  send(channel, work, 'old');
  const message = await eventuallyGet(channel, dead);
  assert.equal(message.properties.headers['x-death'][0].reason, 'expired');
  assert.equal(await channel.get(work), false);
});

scenario('a message expires by its own expiration, which is then only history',
  async ({ channel, name }) => {
    const { work, dead } = await withDeadLetters(channel, name, { messageTtl: 60000 });
    send(channel, work, 'old', { expiration: '40' });
    const { properties } = await eventuallyGet(channel, dead);
    assert.equal(properties.expiration, undefined);
    assert.equal(properties.headers['x-death'][0]['original-expiration'], '40');
  });

scenario('a time to live of zero expires what no consumer takes at once',
  async ({ channel, name }) => {
    const { work, dead } = await withDeadLetters(channel, name, { messageTtl: 0 });
    send(channel, work, 'too late');
    assert.equal((await eventuallyGet(channel, dead)).content.toString(), 'too late');
    const consumer = await consume(channel, work, { noAck: true });
    send(channel, work, 'just in time');
    assert.equal((await consumer.next()).content.toString(), 'just in time');
  });

scenario('a full queue drops its oldest message as a dead letter', async ({ channel, name }) => {
  const { work, dead } = await withDeadLetters(channel, name, { maxLength: 2 });
  for (const body of ['1', '2', '3']) send(channel, work, body);
  const dropped = await eventuallyGet(channel, dead);
  assert.equal(dropped.content.toString(), '1');
  assert.equal(dropped.properties.headers['x-death'][0].reason, 'maxlen');
  assert.deepEqual(await drain(channel, work), ['2', '3']);
});

scenario('a length limit in bytes counts bodies', async ({ channel, name }) => {
  const queue = name('bytes');
  await channel.assertQueue(queue, { arguments: { 'x-max-length-bytes': 10 } });
  for (const body of ['aaaa', 'bbbb', 'cccc', 'dd']) send(channel, queue, body);
  assert.deepEqual(await drain(channel, queue), ['bbbb', 'cccc', 'dd']);
});

scenario('higher priorities leave first, equal ones in order', async ({ channel, name }) => {
  const queue = name('priorities');
  await channel.assertQueue(queue, { maxPriority: 5 });
  const sent = [['low', 1], ['none'], ['high', 5], ['over', 9], ['low too', 1]];
  for (const [body, priority] of sent) send(channel, queue, body, { priority });
  assert.deepEqual(await drain(channel, queue), ['high', 'over', 'low', 'low too', 'none']);
});

scenario('a retry loop through a waiting queue counts its rounds', async ({ channel, name }) => {
  const [work, wait] = [name('work'), name('wait')];
  await channel.assertQueue(work, { deadLetterExchange: '', deadLetterRoutingKey: wait });
  await channel.assertQueue(wait, {
    deadLetterExchange: '', deadLetterRoutingKey: work, messageTtl: 20 });
  send(channel, work, 'try me');
  const consumer = await consume(channel, work);
  for (let round = 0; round < 4; round += 1) {
    const message = await consumer.next();
    const deaths = message.properties.headers['x-death'] ?? [];
    const rejected = deaths.find((death) => death.queue === work);
    assert.equal(rejected?.count ?? 0, round);
    if (round > 0) assert.deepEqual(deaths.map((death) => death.reason), ['expired', 'rejected']);
    if (round < 3) channel.reject(message, false);
    else channel.ack(message);
  }
});

scenario('a dead-letter cycle without a rejection ends', async ({ channel, name }) => {
  const [one, two] = [name('one'), name('two')];
  await channel.assertQueue(one, { deadLetterExchange: '', deadLetterRoutingKey: two, messageTtl: 20 });
  await channel.assertQueue(two, { deadLetterExchange: '', deadLetterRoutingKey: one, messageTtl: 20 });
  send(channel, one, 'round and round');
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await channel.checkQueue(one)).messageCount, 0);
  assert.equal((await channel.checkQueue(two)).messageCount, 0);
});

scenario('an x-death header from a client', async ({ channel, name }) => {
  const { work, dead } = await withDeadLetters(channel, name);
  const forged = [{ queue: work, reason: 'rejected', count: 41, exchange: '', 'routing-keys': [work] }];
  send(channel, work, 'x', { headers: { 'x-death': forged } });
  channel.reject(await channel.get(work), false);
  const { headers } = (await eventuallyGet(channel, dead)).properties;
  // RabbitMQ 3 went on counting from what a client sent; RabbitMQ 4 and PolyMQ do not trust it.
  assert.equal(headers['x-death'][0].count, onRabbitMq3 ? 42 : 1);
});

scenario('a quorum queue gives up after its delivery limit', async ({ channel, name }) => {
  const { work, dead } = await withDeadLetters(channel, name, {
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 } });
  send(channel, work, 'poison');
  const consumer = await consume(channel, work);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const message = await consumer.next();
    assert.equal(message.properties.headers['x-delivery-count'] ?? 0, attempt);
    assert.equal(message.fields.redelivered, attempt > 0);
    channel.reject(message, true);
  }
  const message = await eventuallyGet(channel, dead);
  assert.equal(message.properties.headers['x-death'][0].reason, 'delivery_limit');
});

scenario('messages wait for consumers of another connection', async ({ connect, channel, name }) => {
  const queue = name('handover');
  await channel.assertQueue(queue);
  const confirming = await openChannel(await connect(), { confirm: true });
  confirming.sendToQueue(queue, Buffer.from('hello'), { persistent: true });
  await confirming.waitForConfirms();
  const consumer = await consume(channel, queue, { noAck: true });
  const { content, properties } = await consumer.next();
  assert.deepEqual([content.toString(), properties.deliveryMode], ['hello', 2]);
});
