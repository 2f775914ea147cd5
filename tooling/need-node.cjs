// Ends with one sentence where Node cannot run this repository's TypeScript. Plain JavaScript, for the Node that cannot.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 2)) {
  console.error(
    `This repository runs on Node 24.2 or later, and this is ${process.version}. npm has brought none for ${process.platform} on ${process.arch}: install one (https://nodejs.org) and run this again.`,
  );
  process.exit(1);
}
