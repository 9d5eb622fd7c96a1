import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, streamText } from 'ai'
import { daemon, gone, model, prompt } from './daemon.js'

let d, moed
before(async () => {
  d = await daemon()
  moed = createOpenAICompatible({ name: 'moed', baseURL: 'http://moed/v1', fetch: d.fetch, includeUsage: true })
})
after(() => d.stop())

test('text, and the same as a stream with usage', async () => {
  const q = { model: moed(model), prompt, temperature: 0, maxOutputTokens: 8, maxRetries: 0 }
  const whole = await generateText(q)
  assert.deepEqual([whole.usage.inputTokens, whole.usage.outputTokens, whole.finishReason], [5, 8, 'length'])
  const stream = streamText(q)
  let text = ''
  for await (const part of stream.textStream) text += part
  assert.equal(text, whole.text)
  assert.equal((await stream.usage).outputTokens, 8)
})

test('errors have their status', async () => {
  await assert.rejects(generateText({ model: moed('none'), prompt, maxRetries: 0 }), e => APICallError.isInstance(e) && e.statusCode === 404)
  await assert.rejects(generateText({ model: moed(model), prompt: prompt.repeat(500), maxRetries: 0 }), e => APICallError.isInstance(e) && e.statusCode === 400)
})

test('who leaves is not answered on', async () => {
  const leave = new AbortController()
  const stream = streamText({ model: moed(model), prompt, maxOutputTokens: 400, abortSignal: leave.signal, onError() {} })
  for await (const _ of stream.textStream) break
  leave.abort()
  await gone(d)
})
