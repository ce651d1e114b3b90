defmodule Bloom.RPC.Plain do
  @moduledoc """
  Answers as plain data, which a caller without Bloom can read and write down: maps, lists, tuples, strings, numbers and
  atoms. Times are ISO 8601 strings. What says that it is a struct and is none, as a caller can send it, is a map.
  """

  alias Bloom.{Config, Error}

  @type error :: %{code: atom(), message: String.t(), suggestions: [String.t()]}

  @doc """
  A term with nothing but plain data in it.

      iex> Bloom.RPC.Plain.of(%{at: ~U[2024-01-02 03:04:05Z], version: Version.parse!("1.2.3")})
      %{at: "2024-01-02T03:04:05Z", version: "1.2.3"}
  """
  @spec of(term()) :: term()
  def of(%module{} = struct) do
    case known(module, struct) do
      {:ok, term} -> of(term)
      :error -> struct |> Map.delete(:__struct__) |> of()
    end
  end

  def of(map) when is_map(map), do: map |> Map.to_list() |> Map.new(fn {key, value} -> {of(key), of(value)} end)
  def of([head | tail]), do: [of(head) | of(tail)]
  def of(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> of() |> List.to_tuple()

  def of(term)
      when is_pid(term) or is_reference(term) or is_port(term) or is_function(term) or
             (is_bitstring(term) and not is_binary(term)),
      do: inspect(term)

  def of(term), do: term

  defp known(module, struct) do
    {:ok, convert(module, struct)}
  catch
    _kind, _no_such_struct -> :error
  end

  # Another calendar would be a module of the caller's choice that is run.
  defp convert(module, %{calendar: Calendar.ISO} = time) when module in [DateTime, NaiveDateTime, Date, Time],
    do: module.to_iso8601(time)

  defp convert(Version, version), do: to_string(version)
  defp convert(MapSet, set), do: MapSet.to_list(set)
  defp convert(_module, _struct), do: throw(:unknown)

  @doc """
  An error for a caller.

      iex> Bloom.RPC.Plain.error(Bloom.Error.new(:busy, "it is busy", suggestions: ["try again"]))
      %{code: :busy, message: "it is busy", suggestions: ["try again"]}
  """
  @spec error(Error.t()) :: error()
  def error(%Error{code: code, message: message, suggestions: suggestions}) do
    %{code: code, message: message, suggestions: if(Config.get(:include_error_suggestions), do: suggestions, else: [])}
  end
end
