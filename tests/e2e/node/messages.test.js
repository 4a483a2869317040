// What a message carries: properties, header tables of all types, bodies of all sizes; confirms.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { closedBy, consume, drain, eventually, inTime, openChannel, scenario } = require('./support');

scenario('all properties arrive as they were sent', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const sent = {
    contentType: 'application/json', contentEncoding: 'gzip', deliveryMode: 2, priority: 7,
    correlationId: 'c-1', replyTo: 'answers', expiration: '60000', messageId: 'm-1',
    timestamp: 1700000000, type: 'order', userId: 'guest', appId: 'shop',
  };
  channel.sendToQueue(queue, Buffer.from('{}'), sent);
  const { properties } = await channel.get(queue, { noAck: true });
  for (const [key, value] of Object.entries(sent)) assert.equal(properties[key], value, key);
});

scenario('header tables of every type survive', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const typed = (type, value) => ({ '!': type, value });
  const headers = {
    bool: true, byte: typed('int8', -5), short: typed('int16', -300), int: 70000, long: 2 ** 40,
    unsignedByte: typed('uint8', 250), unsignedShort: typed('uint16', 65000),
    unsignedInt: typed('uint32', 4000000000),
    float: typed('float', 0.5), double: 3.25, decimal: typed('decimal', { places: 2, digits: 1234 }),
    text: 'grüße', bytes: Buffer.from([0, 255, 1]), when: typed('timestamp', 1700000000),
    list: [1, 'two', [true, null], { three: 3 }], table: { nested: { deeper: 'yes' } },
    nothing: null, empty: '', emptyList: [], emptyTable: {},
  };
  channel.sendToQueue(queue, Buffer.from('x'), { headers });
  const { headers: got } = (await channel.get(queue, { noAck: true })).properties;
  const plain = Object.fromEntries(Object.entries(headers).map(([key, value]) => [
    key, value && value['!'] && !['decimal', 'timestamp'].includes(value['!']) ? value.value : value]));
  assert.deepEqual(got, plain);
});

scenario('bodies of many sizes arrive unharmed', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const limit = 131072 - 8;
  for (const size of [0, 1, limit - 1, limit, limit + 1, 2 * limit, 5 * 1024 * 1024]) {
    const body = crypto.randomBytes(size);
    channel.sendToQueue(queue, body);
    const message = await channel.get(queue, { noAck: true });
    assert.ok(message.content.equals(body), `${size} bytes`);
  }
});

scenario('messages of one channel keep their order', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const consumer = await consume(channel, queue, { noAck: true });
  for (let i = 0; i < 2000; i += 1) channel.sendToQueue(queue, Buffer.from(String(i)));
  for (let i = 0; i < 2000; i += 1) {
    assert.equal((await consumer.next()).content.toString(), String(i));
  }
});

scenario('every publish is confirmed, unroutable ones too', async ({ connection, name }) => {
  const channel = await openChannel(connection, { confirm: true });
  const queue = name('confirms');
  await channel.assertQueue(queue);
  let confirmed = 0;
  for (let i = 0; i < 500; i += 1) {
    channel.sendToQueue(i % 5 === 0 ? `${queue}-nowhere` : queue, Buffer.from(String(i)),
      { persistent: i % 2 === 0 }, (error) => { if (!error) confirmed += 1; });
  }
  await inTime(channel.waitForConfirms(), 'confirms');
  assert.equal(confirmed, 500);
  assert.equal((await channel.checkQueue(queue)).messageCount, 400);
});

scenario('a return comes before its confirm', async ({ connection, name }) => {
  const channel = await openChannel(connection, { confirm: true });
  const events = [];
  channel.on('return', () => events.push('return'));
  await inTime(new Promise((resolve) => {
    channel.sendToQueue(name('nowhere'), Buffer.from('x'), { mandatory: true },
      () => { events.push('confirm'); resolve(); });
  }), 'the confirm');
  assert.deepEqual(events, ['return', 'confirm']);
});

scenario('a full queue that rejects nacks the publisher', async ({ connection, name }) => {
  const channel = await openChannel(connection, { confirm: true });
  const queue = name('full');
  await channel.assertQueue(queue, { maxLength: 2, arguments: { 'x-overflow': 'reject-publish' } });
  const publish = (body) => inTime(new Promise((resolve) => {
    channel.sendToQueue(queue, Buffer.from(body), {}, (error) => resolve(error ? 'nack' : 'ack'));
  }), `confirm of ${body}`);
  const answers = [];
  for (const body of ['1', '2', '3']) answers.push(await publish(body));
  assert.deepEqual(answers, ['ack', 'ack', 'nack']);
  assert.deepEqual(await drain(channel, queue), ['1', '2']);
});

scenario('an invalid expiration is refused with 406', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const error = await closedBy(channel,
    () => channel.sendToQueue(queue, Buffer.from('x'), { expiration: 'soon' }));
  assert.equal(error.code, 406);
  assert.match(error.message, /invalid expiration 'soon'/);
});

scenario('a foreign user-id is refused with 406', async ({ channel }) => {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const error = await closedBy(channel,
    () => channel.sendToQueue(queue, Buffer.from('x'), { userId: 'mallory' }));
  assert.equal(error.code, 406);
  assert.match(error.message, /user_id property set to 'mallory' but authenticated user was 'guest'/);
});

scenario('a queue fills while nobody reads and drains when someone does',
  async ({ connection, channel, name }) => {
    const queue = name('backlog');
    await channel.assertQueue(queue);
    const publisher = await openChannel(connection, { confirm: true });
    for (let i = 0; i < 3000; i += 1) publisher.sendToQueue(queue, Buffer.alloc(200, i % 256));
    await inTime(publisher.waitForConfirms(), 'confirms');
    await channel.prefetch(100);
    let seen = 0;
    await channel.consume(queue, (message) => { seen += 1; channel.ack(message); });
    await eventually(() => seen === 3000, '3000 deliveries');
    assert.equal((await channel.checkQueue(queue)).messageCount, 0);
  });
