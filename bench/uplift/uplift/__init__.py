"""What the gateway's loop and its options are worth to a model: tasks, asking, judging, reporting.

| module      | holds                                                     |
|-------------|-----------------------------------------------------------|
| `task`      | a task, its question and its verdicts                     |
| `families`  | the kinds of tasks, each made from a seed                 |
| `programs`  | running programs that a model wrote                       |
| `variants`  | the ways of asking that are compared                      |
| `endpoint`  | one call of an OpenAI-compatible API                      |
| `hands`     | tools that the caller has, for variants that need them    |
| `receipts`  | what the gateway booked for a request                     |
| `journal`   | what was asked so far, line by line, to be gone on with   |
| `measure`   | asking everything that is still to be asked               |
| `intervals` | shares and their differences, with confidence             |
| `report`    | figures as JSON and Markdown, `plot` as a picture         |
"""
