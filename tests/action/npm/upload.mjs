// Uploads as actions/upload-artifact v7 does, by the same client: node upload.mjs NAME PATH DAYS
import { DefaultArtifactClient } from '@actions/artifact'
import { appendFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const [name, path, days] = process.argv.slice(2)
const folder = statSync(path).isDirectory()
const files = folder ? readdirSync(path, { recursive: true }).map((each) => join(path, each)) : [path]
const options = Number(days) > 0 ? { retentionDays: Number(days) } : {}
const made = await new DefaultArtifactClient().uploadArtifact(name, files, folder ? path : dirname(path), options)
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_OUTPUT } = process.env
const url = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}/artifacts/${made.id}`
appendFileSync(GITHUB_OUTPUT, `artifact-url=${url}\nartifact-digest=${made.digest}\n`)
