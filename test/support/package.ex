defmodule Bloom.Test.Package do
  @moduledoc "The files of the Hex package, as `mix hex.build` takes them from `mix.exs`."

  @doc "Every file of the package, relative to the project."
  @spec files() :: [Path.t()]
  def files do
    for pattern <- Mix.Project.config()[:package][:files],
        path <- Path.wildcard(pattern),
        file <- if(File.dir?(path), do: Path.wildcard("#{path}/**", match_dot: true), else: [path]),
        File.regular?(file),
        do: file
  end

  @doc "Copies the package to a directory."
  @spec copy!(Path.t()) :: Path.t()
  def copy!(dir) do
    for file <- files() do
      target = Path.join(dir, file)
      File.mkdir_p!(Path.dirname(target))
      File.cp!(file, target)
    end

    dir
  end
end
