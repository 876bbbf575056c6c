// Completes a tool-using task through a gateway with the vendors' Node SDKs, in each dialect that they speak,
// streamed.
//
//     node sdks.mjs GATEWAY KEY MODEL
//
// Offers a tool that runs a command, runs what the model asks for, and wants the model's last words. The SDKs
// put the streams together themselves, and are strict about them.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_MODULES}/`);
const OpenAI = require("openai").default;
const Anthropic = require("@anthropic-ai/sdk").default;

const [gateway, key, model] = process.argv.slice(2);
const TASK = "Write the word hazel into the file nest.txt, with a shell command.";
const schema = {
  type: "object",
  properties: { command: { type: "string" } },
  required: ["command"],
  additionalProperties: false,
};

const run = ({ command }) => execFileSync("bash", ["-c", command], { encoding: "utf8" }) || "done";

async function chat(api) {
  const tools = [{ type: "function", function: { name: "bash", parameters: schema } }];
  const messages = [{ role: "user", content: TASK }];
  const ask = () => api.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
  const [choice] = (await ask()).choices;
  messages.push(choice.message);
  for (const call of choice.message.tool_calls) {
    const content = run(JSON.parse(call.function.arguments));
    messages.push({ role: "tool", tool_call_id: call.id, content });
  }
  return (await ask()).choices[0].message.content;
}

async function responses(api) {
  const tools = [{ type: "function", name: "bash", parameters: schema, strict: true }];
  const ask = (more) => api.responses.stream({ model, tools, ...more }).finalResponse();
  const first = await ask({ input: TASK });
  const input = first.output
    .filter((item) => item.type === "function_call")
    .map((item) => ({
      type: "function_call_output",
      call_id: item.call_id,
      output: run(JSON.parse(item.arguments)),
    }));
  return (await ask({ input, previous_response_id: first.id })).output_text;
}

async function messages(api) {
  const tools = [{ name: "bash", input_schema: schema }];
  const said = [{ role: "user", content: TASK }];
  const ask = () => api.messages.stream({ model, max_tokens: 500, messages: said, tools }).finalMessage();
  const first = await ask();
  const uses = first.content.filter((block) => block.type === "tool_use");
  const results = uses.map((use) => ({
    type: "tool_result",
    tool_use_id: use.id,
    content: run(use.input),
  }));
  said.push({ role: "assistant", content: first.content }, { role: "user", content: results });
  return (await ask()).content.map((block) => block.text ?? "").join("");
}

const openai = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: gateway, apiKey: key, maxRetries: 0 });
for (const [task, api] of [[chat, openai], [responses, openai], [messages, anthropic]]) {
  console.log(`${task.name}: ${await task(api)}`);
}
