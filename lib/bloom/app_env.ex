defmodule Bloom.AppEnv do
  @moduledoc """
  The application environment around a switch.

  `install_release` resets the environment of every application to the release's `sys.config`: what config
  providers had set and what the running system had put is gone, and a refused install leaves it, and the
  reported versions, at the target's. So Bloom works the target's environment out first and puts the old one
  back on refusal.
  """

  @typedoc "Environment by application: `[{app, [{key, value}]}]`."
  @type env :: [{atom(), keyword()}]

  @type snapshot :: %{applications: [tuple()], env: env()}

  @doc "The environment and the application resources of every loaded application."
  @spec snapshot() :: snapshot()
  def snapshot do
    apps = for {app, _description, _vsn} <- Application.loaded_applications(), do: app

    %{
      applications: for(app <- apps, {:ok, keys} <- [:application.get_all_key(app)], do: {:application, app, keys}),
      env: for(app <- apps, do: {app, Application.get_all_env(app)})
    }
  end

  @doc """
  Puts a snapshot back: environments, versions and everything else of the `.app` files.

  Uses what `:release_handler` itself uses for the way there (`change_application_data` in
  `application_controller.erl`).
  """
  @spec restore(snapshot()) :: :ok
  def restore(%{applications: applications, env: env}) do
    :ok = :application_controller.change_application_data(applications, env)

    for {app, keys} <- env do
      for {key, _value} <- Application.get_all_env(app), not Keyword.has_key?(keys, key) do
        Application.delete_env(app, key)
      end

      put_all(app, keys)
    end

    :ok
  end

  @doc """
  The environment that the target is to run with.

  `target` is what the target's own configuration resolves to and wins wherever it says something new. What
  the running system has put at run time, so that it differs from `booted`, what the running release's
  configuration resolves to, is kept where the target does not say otherwise than `booted` did.

      iex> Bloom.AppEnv.merge([app: [a: 1, b: 1]], [app: [a: 1, b: 2]], [app: [a: 9, b: 9, c: 3]])
      [app: [a: 9, b: 2, c: 3]]
  """
  @spec merge(booted :: env(), target :: env(), live :: env()) :: env()
  def merge(booted, target, live) do
    for {app, target_keys} <- target do
      booted_keys = Map.new(Keyword.get(booted, app, []))
      target_map = Map.new(target_keys)

      kept =
        for {key, value} <- Keyword.get(live, app, []),
            Map.fetch(booted_keys, key) != {:ok, value},
            Map.fetch(booted_keys, key) == Map.fetch(target_map, key),
            into: %{},
            do: {key, value}

      {app, target_map |> Map.merge(kept) |> Enum.sort()}
    end
  end

  @doc """
  Splits an environment into what `sys.config` can say and the rest, which has to be put after the switch: values with
  pids, references or anonymous functions, and keys that the VM's command line gives as well (`-app key value`).

  OTP lets the command line win over `sys.config` (`do_change_appl` in `application_controller.erl`), while at a boot
  config providers win over both. Until it is put, what the switch itself runs sees less: `code_change`, new children.
  `arguments` are of the form of `:init.get_arguments/0`.

      iex> Bloom.AppEnv.split([app: [a: 1, b: 2, c: self()]], app: [~c"b", ~c"3"])
      {[app: [a: 1]], [app: [b: 2, c: self()]]}
  """
  @spec split(env(), [{atom(), [charlist()]}]) :: {written :: env(), put :: env()}
  def split(env, arguments \\ :init.get_arguments()) do
    {written, put} =
      env
      |> Enum.map(fn {app, keys} ->
        given = for {^app, pairs} <- arguments, [key, _value] <- Enum.chunk_every(pairs, 2), do: to_string(key)
        {written, put} = Enum.split_with(keys, fn {key, value} -> writable?(value) and printed(key) not in given end)
        {{app, written}, {app, put}}
      end)
      |> Enum.unzip()

    {written, Enum.reject(put, &match?({_app, []}, &1))}
  end

  @doc """
  Puts an environment over the present one, and tells applications what has changed for them (`config_change/3`).

  They hear of it as from the release handler, by `config_change/1` in `application_controller.erl`, and like there it
  is up to them what they answer.
  """
  @spec put(env()) :: :ok
  def put([]), do: :ok

  def put(env) do
    before = snapshot().env
    Enum.each(env, fn {app, keys} -> put_all(app, keys) end)
    _answers = :application_controller.config_change(before)
    :ok
  end

  @doc "An environment as the text of a `sys.config` file."
  @spec to_sys_config(env()) :: iodata()
  def to_sys_config(env), do: :io_lib.format("%% coding: utf-8~n~tw.~n", [env])

  defp put_all(app, keys), do: for({key, value} <- keys, do: Application.put_env(app, key, value))

  # As on a command line and in `sys.config`, where a key may be anything.
  defp printed(term), do: "~tw" |> :io_lib.format([term]) |> IO.chardata_to_string()

  defp writable?(value) do
    text = to_charlist(printed(value) <> ".")

    with {:ok, tokens, _line} <- :erl_scan.string(text),
         {:ok, parsed} <- :erl_parse.parse_term(tokens) do
      parsed === value
    else
      _unreadable -> false
    end
  end
end
