"""The words of whoever uses the model, and those that ask for code in a block."""

FENCED = (
    "Work step by step. To act, reply with one ```{language} block. When finished, reply DONE: and the answer.",
    "To act, write one ```{language} block and stop. You will be told its output. When you are done, write DONE: and the answer.",
    "You can run code: end your message with a ```{language} block and wait for what it prints. Give the final answer"
    " behind DONE:",
    "Solve the task step by step. Each step is one ```{language} block. The last message begins with DONE:",
)
SYSTEMS = (
    "You are a helpful assistant.", "You are a helpful, concise assistant.", "Be brief.", "You are an agent.",
    "You are a helpful assistant. Answer in one sentence.", "Use the tools where they help.",
    "You are Dormouse.",
    "Answer as exactly as you can.", "Help the user.",
)  # fmt: skip
