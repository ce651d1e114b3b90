[
  line_length: 120,
  # Ecto's, of examples/garden_ecto, without Ecto being there to say so.
  locals_without_parens: [field: 2, field: 3, from: 2, create: 2, add: 2, add: 3, alter: 2, execute: 1, execute: 2],
  inputs: [
    "{mix,.formatter}.exs",
    "{config,lib,test,bench}/**/*.{ex,exs}",
    "native/mix/*.ex",
    "examples/**/{mix.exs,*.ex,*.exs}"
  ]
]
