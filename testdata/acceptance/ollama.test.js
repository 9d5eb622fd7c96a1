import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Ollama } from 'ollama'
import { daemon, gone, model, prompt } from './daemon.js'

let d, client
before(async () => {
  d = await daemon()
  client = new Ollama({ host: 'http://moed', fetch: d.fetch })
})
after(() => d.stop())

const options = { temperature: 0, num_predict: 8 }

test('list, show, version and ps', async () => {
  const names = (await client.list()).models.map(m => m.name)
  assert.ok(names.some(name => name.startsWith(model)), names.join())
  assert.ok((await client.show({ model })).details.family)
  assert.match((await client.version()).version, /^\d+\.\d+/)
  await client.generate({ model, prompt, options })
  assert.equal((await client.ps()).models.length, 1)
})

test('generate and chat, whole and streamed', async () => {
  const whole = await client.generate({ model, prompt, options })
  assert.deepEqual([whole.done, whole.done_reason, whole.eval_count], [true, 'length', 8])
  let text = '', last
  for await (const part of await client.generate({ model, prompt, options, stream: true })) {
    text += part.response
    last = part
  }
  assert.equal(text, whole.response)
  assert.equal(last.eval_count, 8)
  const messages = [{ role: 'user', content: prompt }]
  const chat = await client.chat({ model, messages, options })
  text = ''
  for await (const part of await client.chat({ model, messages, options, stream: true })) text += part.message.content
  assert.equal(text, chat.message.content)
})

test('a schema', async () => {
  const format = { type: 'object', properties: { name: { enum: ['Lily', 'Tom'] } }, required: ['name'], additionalProperties: false }
  const r = await client.chat({ model, messages: [{ role: 'user', content: prompt }], options: { num_predict: 100 }, format })
  assert.match(JSON.parse(r.message.content).name, /Lily|Tom/)
})

test('errors are its own', async () => {
  await assert.rejects(client.generate({ model: 'none', prompt }), e => e.name === 'ResponseError' && e.status_code === 404)
  await assert.rejects(client.generate({ model, prompt, images: ['aGk='] }), e => e.name === 'ResponseError' && e.status_code === 400)
  await assert.rejects(client.pull({ model: 'none' }), e => e.name === 'ResponseError')
})

test('who leaves is not answered on', async () => {
  const stream = await client.generate({ model, prompt, stream: true, options: { num_predict: 450 } })
  for await (const _ of stream) {
    stream.abort()
    break
  }
  await gone(d)
})
