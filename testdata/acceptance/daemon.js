// A daemon for the tests, and fetch over its socket.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, fetch as undici } from 'undici'

export const model = 'stories-moe-5m'
export const prompt = 'Once upon a time'

export async function daemon() {
  const dir = mkdtempSync(join(tmpdir(), 'moed'))
  const binary = join(dir, 'binary'), socketPath = join(dir, 's')
  execFileSync('go', ['build', '-o', binary, './cli/moed'], { cwd: new URL('../..', import.meta.url), stdio: 'inherit' })
  const env = { ...process.env, HOME: dir, XDG_RUNTIME_DIR: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir, XDG_STATE_HOME: dir }
  const child = spawn(binary, ['serve', '--listen', 'unix://' + socketPath], { env, stdio: 'ignore' })
  const dispatcher = new Agent({ connect: { socketPath } })
  const fetch = (url, options) => undici(url, { ...options, dispatcher })
  for (let i = 0; ; i++) {
    try { await (await fetch('http://moed/moed/v1/live')).text(); break } catch (error) { if (i > 200) throw error }
    await pause(20)
  }
  const stop = async () => {
    child.kill('SIGINT')
    await new Promise(done => child.once('exit', done))
    await dispatcher.destroy()
    rmSync(dir, { recursive: true })
  }
  const status = async () => (await fetch('http://moed/moed/v1/status')).json()
  return { fetch, stop, status }
}

// gone waits until no request is under way.
export async function gone(d) {
  for (let i = 0; i < 100; i++) {
    if ((await d.status()).requests.length === 0) return
    await pause(10)
  }
  throw new Error('a request goes on for more than a second after its client has left')
}
