import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI from 'openai'
import { daemon, gone, model, prompt } from './daemon.js'

let d, client
before(async () => {
  d = await daemon()
  client = new OpenAI({ baseURL: 'http://moed/v1', apiKey: '-', fetch: d.fetch, maxRetries: 0 })
})
after(() => d.stop())

const ask = { model, temperature: 0, max_completion_tokens: 8, messages: [{ role: 'user', content: prompt }] }

test('models', async () => {
  assert.deepEqual((await client.models.list()).data.map(m => m.id), [model])
  assert.equal((await client.models.retrieve(model)).owned_by, 'moed')
})

test('chat, and the same as a stream with usage', async () => {
  const whole = await client.chat.completions.create(ask)
  assert.equal(whole.usage.completion_tokens, 8)
  assert.equal(whole.choices[0].finish_reason, 'length')
  const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
  const last = await stream.finalChatCompletion().catch(error => {
    assert.match(error.constructor.name, /LengthFinishReasonError/) // which its helper makes of "length"
  })
  let text = '', usage
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta?.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert.equal(text, whole.choices[0].message.content)
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [5, 8])
  if (last) assert.equal(last.choices[0].message.content, text)
})

test('a schema', async () => {
  const schema = { type: 'object', properties: { name: { type: 'string', maxLength: 8 } }, required: ['name'], additionalProperties: false }
  const r = await client.chat.completions.create({ ...ask, max_completion_tokens: 200, response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } })
  assert.equal(typeof JSON.parse(r.choices[0].message.content).name, 'string')
})

test('responses', async () => {
  const q = { model, input: prompt, temperature: 0, max_output_tokens: 16 }
  const whole = await client.responses.create(q)
  let text = '', last
  for await (const event of await client.responses.create({ ...q, stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta
    last = event
  }
  assert.equal(text, whole.output_text)
  assert.equal(last.type, 'response.incomplete')
  assert.equal(last.response.usage.output_tokens, 16)
})

test('errors are the typed ones', async () => {
  await assert.rejects(client.chat.completions.create({ ...ask, model: 'none' }), e => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found')
  await assert.rejects(client.chat.completions.create({ ...ask, messages: [{ role: 'user', content: prompt.repeat(500) }] }),
    e => e instanceof OpenAI.BadRequestError && e.code === 'context_length_exceeded')
  await assert.rejects(client.chat.completions.create({ ...ask, n: 2 }), e => e instanceof OpenAI.BadRequestError && e.param === 'n')
  await assert.rejects(client.chat.completions.create({ ...ask, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }),
    e => e instanceof OpenAI.BadRequestError && e.code === 'unsupported_content')
  await assert.rejects(client.embeddings.create({ model, input: 'x' }), e => e instanceof OpenAI.APIError && e.status === 501)
})

test('who leaves is not answered on', async () => {
  const stream = await client.chat.completions.create({ ...ask, max_completion_tokens: 450, ignore_eos: true, stream: true })
  for await (const _ of stream) break
  stream.controller.abort()
  await gone(d)
})

test('several at once get what each gets alone', async () => {
  const alone = (await client.chat.completions.create(ask)).choices[0].message.content
  const all = await Promise.all(Array.from({ length: 12 }, () => client.chat.completions.create(ask)))
  for (const r of all) assert.equal(r.choices[0].message.content, alone)
})
