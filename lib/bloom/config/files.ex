defmodule Bloom.Config.Files do
  @moduledoc """
  Reads a project's configuration files as Mix does, and remembers which line gave Bloom's options their values.

  Beside each `config :bloom, …` of a file another one is evaluated, of which option is set where. So conditions, imports
  and the order of lines count for the places just as they do for the values.
  """

  @typedoc "Where an option is set; the line is unknown where the application's name is not written as `:bloom`."
  @type place :: {Path.t(), pos_integer() | nil}

  @typedoc """
  `built` is what `config.exs` and its imports say, `resolved` what `runtime.exs` makes of it. `places` has the last place
  that sets an option, `unread` the files that could not be evaluated, and why.
  """
  @type t :: %{
          built: keyword(),
          resolved: keyword(),
          places: [{atom(), place()}],
          unread: [{Path.t(), String.t()}]
        }

  @doc "Reads `config_path` and the `runtime.exs` beside it, where they are, for an environment and a target of Mix."
  @spec read(Path.t(), atom(), atom()) :: t()
  def read(config_path, env, target \\ :host) do
    runtime_path = config_path |> Path.dirname() |> Path.join("runtime.exs")
    {built, unread} = attempt(config_path, env: env, target: target)
    {runtime, more_unread} = attempt(runtime_path, env: env, target: target, imports: :disabled)

    %{
      built: options(built),
      resolved: built |> Config.Reader.merge(runtime) |> options(),
      places: Keyword.merge(places_in(built, config_path), places_in(runtime, runtime_path)),
      unread: unread ++ more_unread
    }
  end

  defp options(config), do: Keyword.get(config, :bloom, [])

  defp places_in(config, path) do
    unknown = for {option, _value} <- options(config), do: {option, {shown(path), nil}}
    Keyword.merge(unknown, Keyword.get(config, __MODULE__, []))
  end

  # A runtime.exs may ask for variables that only the server has.
  defp attempt(path, opts) do
    if File.regular?(path), do: {path |> Path.expand() |> evaluate(opts), []}, else: {[], []}
  rescue
    error -> {[], [{shown(path), Exception.message(error)}]}
  end

  defp evaluate(path, opts) do
    contents =
      path
      |> File.read!()
      # Keys have their line only where literals are wrapped.
      |> Code.string_to_quoted!(file: path, literal_encoder: &{:ok, {:__block__, &2, [&1]}})
      |> Macro.prewalk(&mark(&1, path, opts))
      |> Macro.postwalk(&unwrap/1)
      |> Macro.to_string()

    Config.Reader.eval!(path, contents, opts)
  end

  defp mark({:config, meta, [app, options]} = call, path, _opts) do
    if unwrap(app) == :bloom do
      quote do
        bloom_options = unquote(options)
        Config.config(:bloom, bloom_options)

        Config.config(
          unquote(__MODULE__),
          unquote(places(quote(do: bloom_options), lines(options), shown(path), meta[:line]))
        )
      end
    else
      call
    end
  end

  defp mark({:config, meta, [app, option, value]} = call, path, _opts) do
    if unwrap(app) == :bloom do
      quote do
        Config.config(:bloom, unquote(option), unquote(value))
        Config.config(unquote(__MODULE__), [{unquote(option), {unquote(shown(path)), unquote(meta[:line])}}])
      end
    else
      call
    end
  end

  defp mark({:import_config, _meta, [file]} = call, path, opts) do
    if opts[:imports] == :disabled do
      call
    else
      opts = Keyword.take(opts, [:env, :target])

      quote do
        for {app, options} <-
              unquote(__MODULE__).import!(Path.expand(unquote(file), unquote(Path.dirname(path))), unquote(opts)),
            do: Config.config(app, options)
      end
    end
  end

  defp mark(other, _path, _opts), do: other

  defp places(options, lines, path, line) do
    quote do
      for {option, _value} <- unquote(options) do
        {option, {unquote(path), Keyword.get(unquote(lines), option, unquote(line))}}
      end
    end
  end

  defp lines(options) do
    case unwrap(options) do
      options when is_list(options) ->
        for {{:__block__, meta, [option]}, _value} when is_atom(option) <- options, do: {option, meta[:line]}

      _worked_out ->
        []
    end
  end

  defp shown(path), do: Path.relative_to_cwd(path)

  defp unwrap({:__block__, _meta, [expression]}), do: expression
  defp unwrap(expression), do: expression

  # What stands in place of import_config.
  @doc false
  @spec import!(Path.t(), keyword()) :: keyword()
  def import!(path, opts), do: evaluate(path, opts)
end
