// What is refused, and by which names programs know it.
'use strict';

const assert = require('node:assert/strict');
const { expect, scenario, textOf, uniqueName } = require('./support');

scenario('a queue that does not exist is an error of that name', async (tools) => {
  const { aws, protocol, queue, refusal } = tools;
  const QueueUrl = (await queue()).url.replace(/[^/]+$/, uniqueName('gone'));
  for (const [action, input] of Object.entries({
    SendMessage: { MessageBody: 'x' },
    ReceiveMessage: {},
    DeleteMessage: { ReceiptHandle: 'x' },
    GetQueueAttributes: { AttributeNames: ['All'] },
    SetQueueAttributes: { Attributes: { VisibilityTimeout: '1' } },
    DeleteQueue: {},
    PurgeQueue: {},
    ListQueueTags: {},
    TagQueue: { Tags: { a: 'b' } },
    UntagQueue: { TagKeys: ['a'] },
    SendMessageBatch: { Entries: [{ Id: 'a', MessageBody: 'x' }] },
  })) {
    const error = await refusal(action, { QueueUrl, ...input });
    // The old generation knows that error of a few actions only, and leaves the others as they are.
    if (protocol === 'JSON' || error.name === 'QueueDoesNotExist') {
      assert.ok(error instanceof aws.QueueDoesNotExist, action);
    }
    const names = ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'];
    assert.ok(names.includes(error.name), `${action}: ${error.name}`);
    assert.equal(error.$metadata.httpStatusCode, 400, action);
    assert.match(textOf(error), /^The specified queue does not exist/, action);
    assert.match(error.Code ?? error.Error.Code, /NonExistentQueue$/, action);
  }
});

// name, as the SDK tells it; action; what is wrong
const BATCHES = [
  ['EmptyBatchRequest', []],
  ['TooManyEntriesInBatchRequest',
    Array.from({ length: 11 }, (_, i) => ({ Id: `e${i}`, MessageBody: 'x' }))],
  ['BatchEntryIdsNotDistinct', [{ Id: 'a', MessageBody: 'x' }, { Id: 'a', MessageBody: 'y' }]],
  ['InvalidBatchEntryId', [{ Id: 'a b', MessageBody: 'x' }]],
  ['BatchRequestTooLong',
    ['a', 'b'].map((Id) => ({ Id, MessageBody: 'x'.repeat(600000) }))],
];
for (const [name, Entries] of BATCHES) {
  scenario(`a batch may be refused as ${name}`, async ({ aws, call, queue, refusal }) => {
    const made = await queue();
    const error = await refusal('SendMessageBatch', { QueueUrl: made.url, Entries });
    assert.equal(error.name, name);
    assert.ok(error instanceof aws[name]);
    assert.deepEqual(await made.counts(), [0, 0, 0]);
  });
}

// What is wrong: action, members, the error's name, and whether the peer does not mind.
const tolerated = 'does not check it';
const WRONG = {
  'too many messages at once': ['ReceiveMessage', { MaxNumberOfMessages: 11 },
    /InvalidParameterValue/],
  'no message at once': ['ReceiveMessage', { MaxNumberOfMessages: 0 }, /InvalidParameterValue/],
  'a wait of 21 s': ['ReceiveMessage', { WaitTimeSeconds: 21 }, /InvalidParameterValue/],
  'a delay of 901 s': ['SendMessage', { MessageBody: 'x', DelaySeconds: 901 },
    /InvalidParameterValue/, tolerated],
  'a control character': ['SendMessage', { MessageBody: 'a\u0000b' }, /InvalidMessageContents/],
  'a body above the limit': ['SendMessage', { MessageBody: 'x'.repeat(1048577) },
    /InvalidParameterValue/],
  'an unknown attribute': ['SetQueueAttributes', { Attributes: { Color: 'red' } },
    /InvalidAttributeName/],
  'an attribute out of range': ['SetQueueAttributes',
    { Attributes: { VisibilityTimeout: '43201' } },
    /InvalidAttributeValue/],
  'a receipt handle that is none': ['DeleteMessage', { ReceiptHandle: 'nonsense' },
    /ReceiptHandleIsInvalid/, tolerated],
};
for (const [what, [action, input, name, polymqOnly]] of Object.entries(WRONG)) {
  scenario(`${what} is refused`, async ({ queue, refusal }) => {
    const made = await queue();
    assert.match((await refusal(action, { QueueUrl: made.url, ...input })).name, name);
    assert.deepEqual(await made.counts(), [0, 0, 0]);
  }, { polymqOnly });
}

for (const [what, value] of Object.entries({
  'without a value': { DataType: 'String', StringValue: '' },
  'of an unknown type': { DataType: 'Text', StringValue: 'x' },
  'of a number that is none': { DataType: 'Number', StringValue: 'seven' },
})) {
  scenario(`a message attribute ${what} is refused`, async ({ queue, refusal }) => {
    const made = await queue();
    const error = await refusal('SendMessage', {
      QueueUrl: made.url, MessageBody: 'x', MessageAttributes: { attribute: value } });
    assert.match(error.name, /InvalidParameterValue/);
    assert.deepEqual(await made.counts(), [0, 0, 0]);
  }, { polymqOnly: tolerated });
}

for (const name of ['with blank', 'a.b', 'x'.repeat(81), 'standard.fifo']) {
  scenario(`no queue is named ${name.slice(0, 20)}`, async ({ refusal }) => {
    assert.match((await refusal('CreateQueue', { QueueName: name })).name, /InvalidParameterValue/);
  }, { polymqOnly: tolerated });
}

scenario('another queue\'s receipt handle is refused', async ({ queue, refusal }) => {
  const [first, second] = [await queue(), await queue()];
  await first.send('x');
  const { ReceiptHandle } = await first.one();
  const error = await refusal('DeleteMessage', { QueueUrl: second.url, ReceiptHandle });
  assert.equal(error.name, 'ReceiptHandleIsInvalid');
  assert.equal(error.$metadata.httpStatusCode, 404);
}, { polymqOnly: tolerated });

scenario('a message that is deleted can not be hidden any more', async ({ queue, refusal }) => {
  const made = await queue();
  await made.send('x');
  const got = await made.one();
  await made.remove(got);
  const error = await refusal('ChangeMessageVisibility', {
    QueueUrl: made.url, ReceiptHandle: got.ReceiptHandle, VisibilityTimeout: 1 });
  assert.match(error.name,
    expect({ polymq: /InvalidParameterValue/, fauxqs: /MessageNotInflight/ }));
});

scenario('every answer has an id', async ({ queue, call, refusal }) => {
  const { url: QueueUrl } = await queue();
  const ids = [
    (await call('GetQueueAttributes', { QueueUrl })).$metadata.requestId,
    (await refusal('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 21 })).$metadata.requestId];
  const form = expect({
    polymq: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, fauxqs: /^[0-9A-F]+$/ });
  for (const id of ids) assert.match(id, form);
  assert.notEqual(ids[0], ids[1]);
});
