// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// A client built from tuf-js: refresh, and download one target.
//
//   node client.cjs MODULES URL STATE TARGET

const path = require('path');
const [, , modules, url, state, target] = process.argv;
const { Updater } = require(path.join(modules, 'node_modules', 'tuf-js'));

async function main() {
  const updater = new Updater({
    metadataDir: path.join(state, 'metadata'),
    metadataBaseUrl: url + '/metadata',
    targetDir: path.join(state, 'targets'),
    targetBaseUrl: url,
    config: { fetchRetry: 0, fetchTimeout: 5000 },
  });
  await updater.refresh();
  const info = await updater.getTargetInfo(target);
  if (!info) throw new Error('no such target');
  console.log(await updater.downloadTarget(info));
}

main().catch((err) => {
  console.error(String(err));
  process.exit(1);
});
