[
  line_length: 120,
  import_deps: [:ecto, :ecto_sql],
  inputs: ["{mix,.formatter}.exs", "{config,lib,priv,variants}/**/*.{ex,exs}"]
]
