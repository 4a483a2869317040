// Consumers: prefetch, settling, requeueing, cancelling, priorities, exclusiveness, get.
'use strict';

const assert = require('node:assert/strict');
const { closedBy, consume, drain, eventually, eventuallyGet, inTime, openChannel, scenario } =
  require('./support');

/** A queue holding the messages '1'..`count`. */
async function filledQueue(channel, queue, count, options) {
  await channel.assertQueue(queue, options);
  for (let i = 1; i <= count; i += 1) channel.sendToQueue(queue, Buffer.from(String(i)));
}

const text = (message) => message.content.toString();

scenario('prefetch limits what is outstanding', async ({ channel, name }) => {
  const queue = name('prefetch');
  await filledQueue(channel, queue, 5);
  await channel.prefetch(2);
  const consumer = await consume(channel, queue);
  const first = await consumer.next();
  const second = await consumer.next();
  assert.deepEqual([text(first), text(second)], ['1', '2']);
  await channel.checkQueue(queue);
  assert.equal(consumer.arrived.length, 0);
  channel.ack(first);
  assert.equal(text(await consumer.next()), '3');
  await channel.checkQueue(queue);
  assert.equal(consumer.arrived.length, 0);
});

scenario('a prefetch for the channel is shared by its consumers', async ({ channel, name }) => {
  const queue = name('global');
  await filledQueue(channel, queue, 6);
  await channel.prefetch(3, true);
  const one = await consume(channel, queue);
  const two = await consume(channel, queue);
  await eventually(() => one.arrived.length + two.arrived.length === 3, 'three deliveries');
  await channel.checkQueue(queue);
  assert.equal(one.arrived.length + two.arrived.length, 3);
});

scenario('one acknowledgement settles all before it', async ({ connection, channel, name }) => {
  const queue = name('multiple');
  await filledQueue(channel, queue, 4);
  const consumer = await consume(channel, queue);
  const messages = [];
  for (let i = 0; i < 4; i += 1) messages.push(await consumer.next());
  channel.ack(messages[2], true);
  await channel.close();
  assert.deepEqual(await drain(await openChannel(connection), queue), ['4']);
});

scenario('nack with requeue gives messages back in their old order', async ({ channel, name }) => {
  const queue = name('requeue');
  await filledQueue(channel, queue, 4);
  const taken = [];
  for (let i = 0; i < 3; i += 1) taken.push(await channel.get(queue));
  assert.equal(taken[0].fields.redelivered, false);
  channel.nack(taken[2], true, true);
  const again = await eventuallyGet(channel, queue);
  assert.deepEqual([text(again), again.fields.redelivered], ['1', true]);
  assert.deepEqual(await drain(channel, queue), ['2', '3', '4']);
});

scenario('reject drops or requeues one message', async ({ channel, name }) => {
  const queue = name('reject');
  await filledQueue(channel, queue, 2);
  channel.reject(await channel.get(queue), false);
  channel.reject(await channel.get(queue), true);
  assert.equal(text(await eventuallyGet(channel, queue)), '2');
  assert.equal(await channel.get(queue), false);
});

scenario('settling an unknown delivery closes the channel with 406', async ({ channel, name }) => {
  await filledQueue(channel, name('twice'), 1);
  const { queue } = await channel.assertQueue('', { exclusive: true });
  channel.sendToQueue(queue, Buffer.from('x'));
  const message = await channel.get(queue);
  channel.ack(message);
  const error = await closedBy(channel, () => channel.ack(message));
  assert.equal(error.code, 406);
  assert.match(error.message, /PRECONDITION_FAILED - unknown delivery tag 1/);
});

scenario('recover requeues everything unacknowledged', async ({ channel, name }) => {
  const queue = name('recover');
  await filledQueue(channel, queue, 2);
  const consumer = await consume(channel, queue);
  for (const body of ['1', '2']) assert.equal(text(await consumer.next()), body);
  await channel.recover();
  for (const body of ['1', '2']) {
    const message = await consumer.next();
    assert.deepEqual([text(message), message.fields.redelivered], [body, true]);
  }
});

scenario('get reports what is left and false when empty', async ({ channel, name }) => {
  const queue = name('get');
  await filledQueue(channel, queue, 3);
  for (const left of [2, 1, 0]) {
    assert.equal((await channel.get(queue, { noAck: true })).fields.messageCount, left);
  }
  assert.equal(await channel.get(queue), false);
});

scenario('get and consume on a missing queue fail with 404', async ({ connection, channel, name }) => {
  assert.equal((await closedBy(channel, () => channel.get(name('missing')))).code, 404);
  const second = await openChannel(connection);
  const error = await closedBy(second, () => second.consume(name('missing'), () => {}));
  assert.equal(error.code, 404);
  assert.deepEqual([error.classId, error.methodId], [60, 20]);
});

scenario('consumers of one queue take turns', async ({ channel, name }) => {
  const queue = name('turns');
  await channel.assertQueue(queue);
  const counts = [0, 0, 0];
  for (const i of counts.keys()) {
    await channel.consume(queue, () => { counts[i] += 1; }, { noAck: true });
  }
  for (let i = 0; i < 30; i += 1) channel.sendToQueue(queue, Buffer.from('x'));
  await eventually(() => counts.reduce((a, b) => a + b) === 30, '30 deliveries');
  assert.deepEqual(counts, [10, 10, 10]);
});

scenario('a consumer of higher priority is served first', async ({ channel, name }) => {
  const queue = name('priority');
  await channel.assertQueue(queue);
  await channel.prefetch(2);
  const low = await consume(channel, queue);
  const high = await consume(channel, queue, { priority: 10 });
  for (let i = 0; i < 3; i += 1) channel.sendToQueue(queue, Buffer.from(String(i)));
  assert.equal(text(await high.next()), '0');
  assert.equal(text(await high.next()), '1');
  assert.equal(text(await low.next()), '2');
});

scenario('deleting the queue cancels its consumers', async ({ connection, channel, name }) => {
  const queue = name('cancelled');
  await channel.assertQueue(queue);
  const cancelled = new Promise((resolve) => {
    channel.consume(queue, (message) => { if (message === null) resolve('told'); });
  });
  await eventually(async () => (await channel.checkQueue(queue)).consumerCount === 1, 'the consumer');
  await (await openChannel(connection)).deleteQueue(queue);
  assert.equal(await inTime(cancelled, 'the cancel notification'), 'told');
  await channel.checkExchange('amq.direct');
});

scenario('a cancelled consumer gets nothing more but keeps what it holds',
  async ({ channel, name }) => {
    const queue = name('cancel');
    await filledQueue(channel, queue, 3);
    await channel.prefetch(1);
    const consumer = await consume(channel, queue);
    const held = await consumer.next();
    await channel.cancel(consumer.consumerTag);
    channel.ack(held);
    assert.deepEqual(await drain(channel, queue), ['2', '3']);
    assert.equal(consumer.arrived.length, 0);
    await channel.cancel('never-known');
  });

scenario('an exclusive consumer keeps others out', async ({ connection, channel, name }) => {
  const queue = name('exclusive');
  await channel.assertQueue(queue);
  const { consumerTag } = await consume(channel, queue, { exclusive: true });
  const second = await openChannel(connection);
  const error = await closedBy(second, () => second.consume(queue, () => {}));
  assert.equal(error.code, 403);
  assert.match(error.message, new RegExp(`queue '${queue}' in vhost '/' in exclusive use`));
  await channel.cancel(consumerTag);
  await consume(await openChannel(connection), queue);
});

scenario('a consumer tag cannot be used twice on a channel', async ({ connection, channel, name }) => {
  const queue = name('tags');
  await channel.assertQueue(queue);
  const { consumerTag } = await consume(channel, queue, { consumerTag: 'mine' });
  assert.equal(consumerTag, 'mine');
  const error = await closedBy(connection,
    () => channel.consume(queue, () => {}, { consumerTag: 'mine' }));
  assert.equal(error.code, 530);
  assert.match(error.message, /attempt to reuse consumer tag 'mine'/);
});

scenario('with a single active consumer the next takes over', async ({ connection, channel, name }) => {
  const queue = name('single');
  await channel.assertQueue(queue, { arguments: { 'x-single-active-consumer': true } });
  await channel.prefetch(1);
  const first = await consume(channel, queue);
  const second = await consume(await openChannel(connection), queue);
  for (const body of ['1', '2']) channel.sendToQueue(queue, Buffer.from(body));
  channel.ack(await first.next());
  const held = await first.next();
  assert.deepEqual([text(held), second.arrived.length], ['2', 0]);
  await channel.cancel(first.consumerTag);
  channel.nack(held);
  assert.equal(text(await second.next()), '2');
});
