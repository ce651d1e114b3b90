defmodule Bloom.Config.Source do
  @moduledoc "Where the value of an option comes from."

  @typedoc """
  The schema's default; a configuration file with the line, where it is known; or the application environment, into which
  something has put it at run time.
  """
  @type t :: :default | {:file, Path.t(), pos_integer() | nil} | :environment

  @doc """
  A source in words.

      iex> Bloom.Config.Source.words({:file, "config/runtime.exs", 12})
      "config/runtime.exs:12"
      iex> Bloom.Config.Source.words(:default)
      "default"
  """
  @spec words(t()) :: String.t()
  def words(:default), do: "default"
  def words(:environment), do: "application environment, at run time"
  def words({:file, path, nil}), do: path
  def words({:file, path, line}), do: "#{path}:#{line}"
end
