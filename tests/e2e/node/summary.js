// A test reporter that prints one countable line when all files have run.
'use strict';

module.exports = async function* summary(events) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    // A file stands for itself in the report only when it broke before or after its tests.
    const wholeFile = data.name.endsWith('.test.js');
    if (wholeFile && type === 'test:pass') continue;
    if (data.skip !== undefined && data.skip !== false) count.skipped += 1;
    else if (type === 'test:pass') count.passed += 1;
    else if (!wholeFile || data.details?.error?.failureType !== 'subtestsFailed') count.failed += 1;
  }
  yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
};
