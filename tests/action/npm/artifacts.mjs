// GitHub's own client of the artifact service, in one process that stays: each step asks it for one upload or download.
//     node artifacts.mjs PORT-FILE
// POST / with { what, name, path, days, environ }; 200 with what is to be an output, else 500 with the reason. It ends
// with its standard input.
import { DefaultArtifactClient } from '@actions/artifact'
import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'

// As actions/upload-artifact v7 does.
async function upload({ name, path, days }) {
  const folder = statSync(path).isDirectory()
  const files = folder ? readdirSync(path, { recursive: true }).map((each) => join(path, each)) : [path]
  const options = Number(days) > 0 ? { retentionDays: Number(days) } : {}
  const made = await new DefaultArtifactClient().uploadArtifact(name, files, folder ? path : dirname(path), options)
  return { id: made.id, digest: made.digest }
}

// As actions/download-artifact v8 does for one artifact of the same run.
async function download({ name, path }) {
  const client = new DefaultArtifactClient()
  const { artifact } = await client.getArtifact(name)
  const { digestMismatch } = await client.downloadArtifact(artifact.id, { path, expectedHash: artifact.digest })
  if (digestMismatch) throw new Error(`${name} has another digest than was told`)
  return { id: artifact.id, digest: artifact.digest }
}

async function act(text) {
  const { what, environ, ...rest } = JSON.parse(text)
  Object.assign(process.env, environ)
  return JSON.stringify(await { upload, download }[what](rest))
}

// One after the other: the client takes the address and the token from the environment.
let turn = Promise.resolve()
const server = createServer((request, response) => {
  let text = ''
  request.on('data', (more) => (text += more))
  request.on('end', () => {
    const answer = (status) => (said) => response.writeHead(status).end(String(said))
    turn = turn.then(() => act(text)).then(answer(200), answer(500))
  })
})
server.listen(0, '127.0.0.1', () => {
  const place = process.argv[2]
  writeFileSync(`${place}.new`, String(server.address().port))
  renameSync(`${place}.new`, place)
})
process.stdin.on('end', () => process.exit()).resume()
