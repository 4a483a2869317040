// FIFO queues: order in a group, groups that are locked, duplicates.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { expect, scenario, uniqueName } = require('./support');

/** A FIFO queue whose messages differ by their bodies. */
function fifo({ queue }, attributes = {}) {
  return queue({ name: `${uniqueName('fifo')}.fifo`, FifoQueue: true,
    ContentBasedDeduplication: true, ...attributes });
}

const inGroup = (MessageGroupId, more = {}) => ({ MessageGroupId, ...more });

/** Entries of a batch: 'a1' is message 1 of group a. */
const entries = (...bodies) => bodies.map((body, at) => (
  { Id: `e${at}`, MessageBody: body, MessageGroupId: body[0] }));

scenario('a FIFO queue tells that it is one', async (tools) => {
  const made = await fifo(tools);
  const told = await made.attributes('All');
  assert.equal(told.FifoQueue, 'true');
  assert.equal(told.ContentBasedDeduplication, 'true');
  assert.ok(told.QueueArn.endsWith('.fifo'));
});

scenario('messages of a group come in the order in which they were sent', async (tools) => {
  const made = await fifo(tools);
  const bodies = Array.from({ length: 30 }, (_, i) => `a${i}`);
  const numbers = [];
  for (let at = 0; at < 30; at += 10) {
    const { Successful } = await made.sendAll(entries(...bodies.slice(at, at + 10)));
    numbers.push(...Successful.map(({ SequenceNumber }) => SequenceNumber));
  }
  assert.deepEqual([...numbers].sort(), numbers);
  assert.equal(new Set(numbers).size, 30);
  for (const number of numbers) assert.match(number, /^\d{20}$/);
  const seen = [];
  const seenNumbers = [];
  while (seen.length < 30) {
    const messages = await made.receive();
    assert.ok(messages.length > 0, `after ${seen.length}`);
    for (const message of messages) {
      seen.push(message.Body);
      seenNumbers.push(message.Attributes.SequenceNumber);
      await made.remove(message);
    }
  }
  assert.deepEqual(seen, bodies);
  assert.deepEqual(seenNumbers, numbers);
});

scenario('a message tells its group and its deduplication id', async (tools) => {
  const made = await fifo(tools);
  await made.send('x', inGroup('g-1', { MessageDeduplicationId: 'd.1' }));
  const first = await made.one();
  assert.equal(first.Attributes.MessageGroupId, 'g-1');
  assert.equal(first.Attributes.MessageDeduplicationId, 'd.1');
  await made.remove(first);
  await made.send('by content', inGroup('g'));
  assert.equal((await made.one()).Attributes.MessageDeduplicationId,
    crypto.createHash('sha256').update('by content').digest('hex'));
});

scenario('a group is locked while a message of it is out, and others are not', async (tools) => {
  const made = await fifo(tools);
  await made.sendAll(entries('a1', 'a2', 'b1'));
  const first = await made.one({ most: 1 });
  assert.equal(first.Body, 'a1');
  assert.deepEqual(await made.bodies(), ['b1']);
  assert.deepEqual(await made.bodies({ wait: 0 }), []);
  await made.remove(first);
  assert.deepEqual(await made.bodies(), ['a2']);
});

scenario('a poll that waits gets what a delete unlocks', async (tools) => {
  const made = await fifo(tools);
  await made.sendAll(entries('a1', 'a2'));
  const first = await made.one({ most: 1 });
  const polled = made.bodies({ wait: 15 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const freed = Date.now();
  await made.remove(first);
  assert.deepEqual(await polled, ['a2']);
  assert.ok(Date.now() - freed < 10000, 'it ended before its time');
});

scenario('what is given back comes first again', async (tools) => {
  const made = await fifo(tools);
  await made.sendAll(entries('a1', 'a2', 'a3'));
  const [first, second] = await made.receive({ most: 2 });
  assert.deepEqual([first.Body, second.Body], ['a1', 'a2']);
  await made.hide(first, 0);
  await made.hide(second, 0);
  assert.deepEqual(await made.bodies(), ['a1', 'a2', 'a3']);
}, { polymqOnly: 'hands out one message of a group at a time' });

scenario('a timeout that ends brings the group back in order', async (tools) => {
  const made = await fifo(tools, { VisibilityTimeout: 1 });
  await made.sendAll(entries('a1', 'a2', 'a3'));
  const first = await made.receive({ most: 2 });
  await made.remove(first[0]);
  const rest = [];
  while (rest.length < 2) {
    for (const message of await made.receive({ wait: 10, VisibilityTimeout: 60 })) {
      rest.push(message.Body);
      await made.remove(message);
    }
  }
  assert.deepEqual(rest, ['a2', 'a3']);
});

scenario('a duplicate is answered like the first and not stored', async (tools) => {
  const made = await fifo(tools);
  const id = { MessageDeduplicationId: 'once' };
  const first = await made.send('x', inGroup('g', id));
  const second = await made.send('something else', inGroup('g', id));
  assert.equal(second.MessageId, first.MessageId);
  assert.equal(second.SequenceNumber, first.SequenceNumber);
  const got = await made.one();
  assert.equal(got.Body, 'x');
  await made.remove(got);
  await made.send('x again', inGroup('g', id));
  assert.deepEqual(await made.bodies({ wait: 0 }), []);
});

scenario('the same content is a duplicate where the queue says so', async (tools) => {
  const made = await fifo(tools);
  await made.send('same', inGroup('a'));
  await made.send('same', inGroup('b'));
  await made.send('same', inGroup('b', { MessageDeduplicationId: 'other' }));
  assert.deepEqual(await made.counts(), [2, 0, 0]);
});

scenario('duplicates are those of a group where the queue says so', async (tools) => {
  const made = await fifo(tools, { DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId' });
  await made.send('same', inGroup('a'));
  await made.send('same', inGroup('b'));
  await made.send('same', inGroup('b'));
  assert.deepEqual(await made.counts(), [2, 0, 0]);
}, { polymqOnly: 'knows one scope only' });

scenario('an attempt that is made again gets the same messages', async (tools) => {
  const made = await fifo(tools);
  await made.sendAll(entries('a1', 'a2', 'b1'));
  const attempt = { most: 2, ReceiveRequestAttemptId: 'try-1' };
  const first = await made.receive(attempt);
  const again = await made.receive(attempt);
  const told = (messages) => messages.map(({ MessageId, ReceiptHandle }) => (
    [MessageId, ReceiptHandle]));
  assert.equal(first.length, 2);
  assert.deepEqual(told(again), told(first));
  for (const message of again) await made.remove(message);
}, { polymqOnly: 'ignores attempt ids' });

scenario('three consumers keep the order of every group', async (tools) => {
  const made = await fifo(tools);
  const groups = ['a', 'b', 'c', 'd'];
  const perGroup = 15;
  for (let i = 0; i < perGroup; i += 1) {
    await made.sendAll(groups.map((group) => (
      { Id: group, MessageBody: `${group}${i}`, MessageGroupId: group })));
  }
  const seen = [];
  await Promise.all(Array.from({ length: 3 }, async () => {
    while (seen.length < groups.length * perGroup) {
      for (const message of await made.receive({ wait: 1, most: 3 })) {
        seen.push(message.Body);
        await made.remove(message);
      }
    }
  }));
  for (const group of groups) {
    assert.deepEqual(seen.filter((body) => body[0] === group),
      Array.from({ length: perGroup }, (_, i) => `${group}${i}`));
  }
});

scenario('an entry that fails does not stop its group', async (tools) => {
  const made = await fifo(tools);
  const { Successful, Failed } = await made.sendAll(entries('a1', 'a\u0001', 'a3'));
  assert.deepEqual(Successful.map(({ Id }) => Id), ['e0', 'e2']);
  assert.deepEqual(Failed.map(({ Id }) => Id), ['e1']);
  assert.deepEqual(await made.bodies(), expect({ polymq: ['a1', 'a3'], fauxqs: ['a1'] }));
});

scenario('a handle that has expired deletes nothing', async (tools) => {
  const made = await fifo(tools, { VisibilityTimeout: 1 });
  await made.send('a1', inGroup('a'));
  const old = await made.one();
  const again = await made.one({ wait: 10, VisibilityTimeout: 60 });
  const error = await tools.refusal('DeleteMessage', {
    QueueUrl: made.url, ReceiptHandle: old.ReceiptHandle });
  assert.match(error.name, /InvalidParameterValue/);
  assert.deepEqual(await made.counts(), [0, 1, 0]);
  await made.remove(again);
}, { polymqOnly: 'takes any receipt handle' });

scenario('a dead letter of a FIFO queue goes to a FIFO queue', async (tools) => {
  const dead = await fifo(tools);
  const standard = await tools.queue();
  const policy = (deadLetterTargetArn) => (
    JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }));
  const made = await fifo(tools, {
    VisibilityTimeout: 0, RedrivePolicy: policy(await dead.arn()) });
  await made.sendAll(entries('a1', 'a2'));
  assert.equal((await made.one({ most: 1 })).Body, 'a1');
  assert.equal((await made.one({ most: 1 })).Body, 'a2');
  assert.deepEqual(await made.bodies({ wait: 0 }), []);
  const bodies = [];
  while (bodies.length < 2) {
    for (const message of await dead.receive({ wait: 10 })) {
      bodies.push(message.Body);
      assert.equal(message.Attributes.MessageGroupId, 'a');
      await dead.remove(message);
    }
  }
  assert.deepEqual(bodies, ['a1', 'a2']);
  if (expect({ polymq: false, fauxqs: true })) return;  // the peer takes any queue
  const error = await tools.refusal('SetQueueAttributes', {
    QueueUrl: made.url, Attributes: { RedrivePolicy: policy(await standard.arn()) } });
  assert.match(error.name, /InvalidParameterValue/);
});

// What is wrong: members, the error's name, whether the peer does not mind.
const WRONG = {
  'without a group': [{}, /MissingParameter|MissingRequiredParameter/],
  'with a delay of its own': [{ MessageGroupId: 'g', DelaySeconds: 1 }, /InvalidParameterValue/],
  'with a blank in its group': [{ MessageGroupId: 'a b' }, /InvalidParameterValue/,
    'does not check it'],
  'with a deduplication id that is too long': [
    { MessageGroupId: 'g', MessageDeduplicationId: 'x'.repeat(129) }, /InvalidParameterValue/,
    'does not check it'],
};
for (const [what, [members, name, polymqOnly]] of Object.entries(WRONG)) {
  scenario(`a message ${what} is refused`, async (tools) => {
    const made = await fifo(tools);
    const error = await tools.refusal('SendMessage', {
      QueueUrl: made.url, MessageBody: 'x', ...members });
    assert.match(error.name, name);
    assert.deepEqual(await made.counts(), [0, 0, 0]);
  }, { polymqOnly });
}

scenario('a message without any deduplication id is refused', async (tools) => {
  const made = await fifo(tools, { ContentBasedDeduplication: false });
  const error = await tools.refusal('SendMessage', {
    QueueUrl: made.url, MessageBody: 'x', MessageGroupId: 'g' });
  assert.match(error.name, /InvalidParameterValue/);
});

scenario('a FIFO queue needs its name and its attribute', async ({ refusal }) => {
  for (const input of [
    { QueueName: uniqueName('fifo'), Attributes: { FifoQueue: 'true' } },
    { QueueName: `${uniqueName('fifo')}.fifo` },
  ]) assert.match((await refusal('CreateQueue', input)).name, /InvalidParameterValue/);
}, { polymqOnly: 'does not check it' });

scenario('a queue does not change its kind', async (tools) => {
  const made = await fifo(tools);
  const error = await tools.refusal('SetQueueAttributes', {
    QueueUrl: made.url, Attributes: { FifoQueue: 'false' } });
  assert.match(error.name, /InvalidAttribute(Value|Name)/);
});
