"""The words in which models are told of tools: those of the gateway first, and others that say the same."""

# What a gateway puts around the tools.
TOOLS = (
    """# Tools

You can use the tools below. Each line describes one; `parameters` is the JSON Schema of its arguments.

<tools>
{tools}
</tools>

To use a tool, write its name and its arguments as one JSON object between these tags, then stop and wait for the result:

<tool_call>
{{"name": "<the tool's name>", "arguments": {{<the arguments>}}}}
</tool_call>

Results come back between <tool_response> tags. If no tool is needed, answer without any of these tags.""",
    """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>""",
    "You can use these tools:\n<tools>\n{tools}\n</tools>\nTo use one, write <tool_call>"
    '{{"name": <its name>, "arguments": <a JSON object>}}</tool_call>',
)
ONE_OR_SEVERAL = (
    "\n\nYou may use several tools at once: write one <tool_call> after the other.",
    "\n\nYou may use several tools at once: write one <tool_call> after the other.",
    "\n\nUse one tool at a time.",
    "",
)
# What it adds where the model goes on by itself.
LOOP = (
    """

Work step by step: use a tool, wait for its result, then go on. When the task is finished, write a line that begins \
with DONE: and then the final answer, like this:

DONE: <the final answer>

Do not write DONE: before you have seen the results that you need.""",
    "\n\nWork step by step. When you are finished, write DONE: and the final answer.",
    "\n\nUse tools until you know the answer. Then write a line that begins with DONE: and the answer.",
)
CODE = " To run code you may also end your message with a ```{languages} block."
FENCED = (
    "Work step by step. To act, reply with one ```{language} block. When finished, reply DONE: and the answer.",
    "To act, write one ```{language} block and stop. You will be told its output. When you are done, write DONE: and the answer.",
    "You can run code: end your message with a ```{language} block and wait for what it prints. Give the final answer"
    " behind DONE:",
    "Solve the task step by step. Each step is one ```{language} block. The last message begins with DONE:",
)
# Behind a question, where a call is demanded, or where the model did nothing.
DEMAND = "Answer this with a <tool_call>."
SYSTEMS = (
    "You are a helpful assistant.", "You are a helpful, concise assistant.", "Be brief.", "You are an agent.",
    "You are a helpful assistant. Answer in one sentence.", "Use the tools where they help.",
    "You are Dormouse.",
    "Answer as exactly as you can.", "Help the user.",
)  # fmt: skip
