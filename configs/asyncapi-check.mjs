// Checks asyncapi.yaml with AsyncAPI's own parser; see the task asyncapi.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
const wrong = diagnostics.filter((d) => d.severity <= 1);
for (const d of wrong) {
  console.error(`${file}:${d.range.start.line + 1}: ${d.path.join('.')}: ${d.message}`);
}
if (!document || wrong.length > 0) process.exit(1);
console.log(`${file} is good: ${document.operations().all().length} operations`);
