[line_length: 120, inputs: ["{mix,.formatter}.exs", "{config,lib,seeds,variants}/**/*.{ex,exs}"]]
