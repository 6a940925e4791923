"""An OpenAI-compatible HTTP server for a model of this process.

`requests` and `answers` are the bodies; `chat`, `completions` and `embeddings` the endpoints; `generating`
runs their jobs on the engine, `tools` makes function calls out of grammars; `admission`, `transport`,
`refusals` and `metrics` keep it answering under load; `app` joins them, `running` serves them on a port.
"""
