[
  line_length: 120,
  inputs: [
    "{mix,.formatter}.exs",
    "{config,lib,test,bench}/**/*.{ex,exs}",
    "native/mix/*.ex",
    "examples/**/{mix.exs,*.ex,*.exs}"
  ]
]
