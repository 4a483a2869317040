// Messages of standard queues: sending, receiving, deleting, leases, delays, long polls.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { eventually, expect, scenario } = require('./support');

const md5 = (text) => crypto.createHash('md5').update(text).digest('hex');

// The SDK itself verifies the digests of all bodies.
for (const [what, body] of Object.entries({
  'plain text': 'hello',
  markup: '<a href="x">&amp;\'</a>',
  'line ends and tabs': 'a\r\nb\rc\n\td',
  'blanks at the ends': '  x  ',
  'letters of all planes': '\u00e4\u20ac\ufffd\u{1F600}\u{10FFFF}',
  'percent and plus': 'a+b%20c=d&e=f',
  'a JSON text': JSON.stringify({ a: [1, 'b\\n', null] }),
  'a hundred thousand characters': 'x\u00e4'.repeat(50000),
})) {
  scenario(`a body of ${what} arrives as it was sent`, async ({ queue }) => {
    const made = await queue();
    const sent = await made.send(body);
    assert.equal(sent.MD5OfMessageBody, md5(body));
    const got = await made.one();
    assert.equal(got.Body, body);
    assert.equal(got.MessageId, sent.MessageId);
    assert.equal(got.MD5OfBody, md5(body));
  }, { polymqOnly: body.includes('\u{1F600}') ? 'refuses what is beyond U+FFFF' : undefined });
}

scenario('a message is received, hidden and deleted', async ({ queue }) => {
  const made = await queue();
  await made.send('x');
  const got = await made.one();
  assert.deepEqual(await made.counts(), [0, 1, 0]);
  assert.deepEqual(await made.receive({ wait: 0 }), []);
  await made.remove(got);
  await made.remove(got);
  assert.deepEqual(await made.counts(), [0, 0, 0]);
});

scenario('system attributes tell of the message', async ({ queue }) => {
  const made = await queue({ VisibilityTimeout: 0 });
  await made.send('x');
  const first = await made.one();
  const second = await made.one();
  assert.equal(first.Attributes.ApproximateReceiveCount, '1');
  assert.equal(second.Attributes.ApproximateReceiveCount, '2');
  for (const time of ['SentTimestamp', 'ApproximateFirstReceiveTimestamp']) {
    assert.equal(first.Attributes[time], second.Attributes[time]);
    assert.ok(Math.abs(Number(first.Attributes[time]) - Date.now()) < 60000, time);
  }
  assert.ok(first.Attributes.SenderId);
  assert.notEqual(first.ReceiptHandle, second.ReceiptHandle);
});

scenario('only the system attributes asked for are told', async ({ call, queue }) => {
  const { url: QueueUrl, send } = await queue({ VisibilityTimeout: 0 });
  await send('x');
  const asking = async (AttributeNames) => (await call('ReceiveMessage', {
    QueueUrl, AttributeNames, WaitTimeSeconds: 5 })).Messages[0].Attributes;
  assert.equal(await asking(undefined), undefined);
  assert.deepEqual(Object.keys(await asking(['SentTimestamp'])), ['SentTimestamp']);
});

const ATTRIBUTES = {
  text: { DataType: 'String', StringValue: '\u00e4 & <b>\r\n' },
  labelled: { DataType: 'String.address', StringValue: 'a' },
  'num.int': { DataType: 'Number', StringValue: '-17' },
  'num.real': { DataType: 'Number.float', StringValue: '4563442423554324324264524243.32543234' },
  bytes: { DataType: 'Binary', BinaryValue: Uint8Array.from([0, 255, 13, 10, 60]) },
};

const plain = (attributes = {}) => Object.fromEntries(Object.entries(attributes).map(
  ([name, { DataType, StringValue, BinaryValue }]) => [
    name, [DataType, StringValue ?? Buffer.from(BinaryValue).toString('hex')]]));

scenario('attributes of all types arrive as they were sent', async ({ queue }) => {
  const made = await queue();
  const sent = await made.send('x', { MessageAttributes: ATTRIBUTES });
  const got = await made.one();
  assert.deepEqual(plain(got.MessageAttributes), plain(ATTRIBUTES));
  assert.equal(got.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
});

// Digests that were computed by the service itself.
scenario('attributes have the digests that SDKs verify', async ({ queue }) => {
  const made = await queue();
  for (const [attributes, digest] of [
    [{ Foo: { DataType: 'String', StringValue: 'Bar' } }, 'ae7155c6026991b6d54b11589678bf9c'],
    [{ customNumberTypeAttrib: { DataType: 'Number.float',
      StringValue: '4563442423554324324264524243.32543234' } }, '9fe1b90bbd9965bdf77bac517c7d2495'],
    [{ binaryAttribute: { DataType: 'Binary', BinaryValue: Buffer.from('Hello binary world!') } },
      '31a92b15d92f8db860eda32aceb656c3'],
  ]) {
    const sent = await made.send('x', { MessageAttributes: attributes });
    assert.equal(sent.MD5OfMessageAttributes, digest);
  }
});

scenario('only the attributes asked for come', async ({ queue }) => {
  const made = await queue({ VisibilityTimeout: 0 });
  await made.send('x', { MessageAttributes: ATTRIBUTES });
  for (const [asked, names] of [
    [[], expect({ polymq: [], fauxqs: Object.keys(ATTRIBUTES) })],
    [['text', 'absent'], ['text']], [['num.*'], ['num.int', 'num.real']],
    [['.*'], Object.keys(ATTRIBUTES)]]) {
    const got = await made.one({ MessageAttributeNames: asked });
    assert.deepEqual(Object.keys(got.MessageAttributes ?? {}).sort(), [...names].sort());
    assert.equal(got.MD5OfMessageAttributes !== undefined, names.length > 0);
  }
});

scenario('a trace header comes along', async ({ call, queue }) => {
  const made = await queue();
  const trace = 'Root=1-5e272390-8c398be037738dc042009320';
  await call('SendMessage', { QueueUrl: made.url, MessageBody: 'x', MessageSystemAttributes: {
    AWSTraceHeader: { DataType: 'String', StringValue: trace } } });
  assert.equal((await made.one()).Attributes.AWSTraceHeader, trace);
}, { polymqOnly: 'keeps no trace header' });

scenario('a batch is sent, received and deleted', async ({ call, queue }) => {
  const made = await queue();
  const bodies = Array.from({ length: 10 }, (_, i) => `body ${i}`);
  const sent = await made.sendAll(bodies);
  assert.equal(sent.Successful.length, 10);
  assert.ok(!sent.Failed?.length);
  const messages = [];
  await eventually(async () => messages.push(...await made.receive()) && messages.length === 10,
    'ten messages');
  assert.deepEqual(messages.map(({ Body }) => Body).sort(), bodies);
  const ids = Object.fromEntries(sent.Successful.map(({ Id, MessageId }) => [Id, MessageId]));
  for (const { Body, MessageId } of messages) {
    assert.equal(ids[`e${bodies.indexOf(Body)}`], MessageId);
  }
  const deleted = await call('DeleteMessageBatch', {
    QueueUrl: made.url,
    Entries: messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle })) });
  assert.equal(deleted.Successful.length, 10);
  assert.deepEqual(await made.counts(), [0, 0, 0]);
});

scenario('of a batch only what is wrong fails', async ({ call, queue }) => {
  const made = await queue();
  const sent = await made.sendAll([
    'good', { Id: 'bad', MessageBody: '\u0001' }, { Id: 'also', MessageBody: 'fine' }]);
  assert.deepEqual(sent.Successful.map(({ Id }) => Id), ['e0', 'also']);
  assert.deepEqual(sent.Failed.map(({ Id, SenderFault }) => [Id, SenderFault]), [['bad', true]]);
  const messages = await made.receive();
  assert.equal(messages.length, 2);
  const entries = [
    { Id: 'there', ReceiptHandle: messages[0].ReceiptHandle },
    { Id: 'nonsense', ReceiptHandle: 'nonsense' }];
  const hidden = await call('ChangeMessageVisibilityBatch', {
    QueueUrl: made.url, Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 40 })) });
  const deleted = await call('DeleteMessageBatch', { QueueUrl: made.url, Entries: entries });
  for (const { Successful, Failed } of [hidden, deleted]) {
    assert.deepEqual(Successful.map(({ Id }) => Id), ['there']);
    assert.deepEqual(Failed.map(({ Id, Code }) => [Id, Code]),
      [['nonsense', 'ReceiptHandleIsInvalid']]);
  }
  assert.deepEqual(await made.counts(), [0, 1, 0]);
}, { polymqOnly: 'takes any receipt handle' });

scenario('an entry that is too large for the queue fails alone', async ({ queue }) => {
  const made = await queue({ MaximumMessageSize: 1024 });
  const sent = await made.sendAll(['x'.repeat(1024), 'x'.repeat(1025)]);
  assert.deepEqual(sent.Successful.map(({ Id }) => Id), ['e0']);
  assert.deepEqual(sent.Failed.map(({ Id, Code }) => [Id, Code]),
    [['e1', 'InvalidParameterValue']]);
});

scenario('what is not deleted comes again when its timeout ends', async ({ queue }) => {
  const made = await queue({ VisibilityTimeout: 1 });
  await made.send('x');
  const first = await made.one();
  const second = await made.one({ wait: 10 });
  assert.equal(second.MessageId, first.MessageId);
  assert.equal(second.Attributes.ApproximateReceiveCount, '2');
});

scenario('a receive may ask for a timeout of its own', async ({ queue }) => {
  const made = await queue({ VisibilityTimeout: 600 });
  await made.send('x');
  await made.one({ VisibilityTimeout: 1 });
  assert.equal((await made.one({ wait: 10 })).Body, 'x');
});

scenario('a timeout can be put off while the work goes on', async ({ queue }) => {
  const made = await queue({ VisibilityTimeout: 1 });
  await made.send('x');
  const got = await made.one();
  await made.hide(got, 600);
  assert.deepEqual(await made.receive({ wait: 2 }), []);
  await made.hide(got, 0);
  assert.equal((await made.one()).Body, 'x');
});

scenario('timeouts of a batch are changed', async ({ call, queue }) => {
  const made = await queue();
  await made.sendAll(['a', 'b']);
  const messages = await made.receive();
  const changed = await call('ChangeMessageVisibilityBatch', {
    QueueUrl: made.url,
    Entries: messages.map(({ ReceiptHandle }, at) => (
      { Id: `m${at}`, ReceiptHandle, VisibilityTimeout: at * 600 })) });
  assert.deepEqual(changed.Successful.map(({ Id }) => Id), ['m0', 'm1']);
  assert.equal((await made.one()).Body, messages[0].Body);
});

scenario('delayed messages come when their time has come', async ({ queue }) => {
  const made = await queue({ DelaySeconds: 1 });
  await made.send('by the queue');
  await made.send('by itself', { DelaySeconds: 2 });
  await made.send('at once', { DelaySeconds: 0 });
  assert.deepEqual(await made.counts(), [1, 0, 2]);
  const bodies = [];
  await eventually(
    async () => bodies.push(...await made.bodies({ wait: 10 })) && bodies.length === 3,
    'three messages');
  assert.deepEqual(bodies, ['at once', 'by the queue', 'by itself']);
});

// Long polls

scenario('a long poll ends when something is sent', async ({ queue }) => {
  const made = await queue();
  const polled = made.bodies({ wait: 20 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await made.send('x');
  const ended = Date.now();
  assert.deepEqual(await polled, ['x']);
  assert.ok(Date.now() - ended < 10000, 'it ended before its time');
});

scenario('a long poll ends empty when nothing comes', async ({ call, queue }) => {
  const { url: QueueUrl } = await queue({ ReceiveMessageWaitTimeSeconds: 1 });
  const started = Date.now();
  assert.equal((await call('ReceiveMessage', { QueueUrl })).Messages, undefined);
  assert.ok(Date.now() - started > 900, 'it waited');
});

scenario('a message goes to one of many polls', async ({ queue }) => {
  const made = await queue();
  const polls = Array.from({ length: 8 }, () => made.bodies({ wait: 3 }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await made.send('x');
  assert.deepEqual((await Promise.all(polls)).flat(), ['x']);
});

scenario('a long poll that is aborted takes no message with it', async ({ queue }) => {
  const made = await queue();
  for (let i = 0; i < 3; i += 1) {
    const abort = new AbortController();
    const polled = made.receive({ wait: 20 }, { abortSignal: abort.signal });
    await new Promise((resolve) => setTimeout(resolve, 100));
    abort.abort();
    await assert.rejects(polled, { name: 'AbortError' });
  }
  await made.send('x');
  const got = await made.one({ wait: 10 });
  assert.equal(got.Attributes.ApproximateReceiveCount, '1');
}, { polymqOnly: 'hands messages to polls whose client has gone' });

scenario('several consumers share a queue without doing anything twice', async ({ queue }) => {
  const made = await queue();
  const total = 100;
  for (let i = 0; i < total; i += 10) {
    await made.sendAll(Array.from({ length: 10 }, (_, at) => String(i + at)));
  }
  const seen = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    while (seen.length < total) {
      for (const message of await made.receive({ wait: 1 })) {
        seen.push(Number(message.Body));
        await made.remove(message);
      }
    }
  }));
  assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: total }, (_, i) => i));
});
