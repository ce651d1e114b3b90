defmodule Bloom.Config.Type do
  @moduledoc "The types of options: what is a value of one, and how one is called in a message."

  @type t :: atom() | {:or, [t()]} | {:in, [term()]} | {:list, t()} | {:custom, module(), atom(), String.t()}

  @doc """
  Whether a value is of a type.

      iex> Bloom.Config.Type.valid?({:list, :atom}, [:kernel, :stdlib])
      true
      iex> Bloom.Config.Type.valid?(:ratio, 90)
      false
  """
  @spec valid?(t(), term()) :: boolean()
  def valid?({:or, types}, value), do: Enum.any?(types, &valid?(&1, value))
  def valid?({:in, values}, value), do: value in values
  def valid?({:list, type}, value), do: list?(value) and Enum.all?(value, &valid?(type, &1))
  def valid?({:custom, module, function, _words}, value), do: apply(module, function, [value])
  def valid?(:atom, value), do: is_atom(value)
  def valid?(:module, value), do: is_atom(value)
  def valid?(:string, value), do: is_binary(value)
  def valid?(:boolean, value), do: is_boolean(value)
  def valid?(:pos_integer, value), do: is_integer(value) and value > 0
  def valid?(:non_neg_integer, value), do: is_integer(value) and value >= 0
  def valid?(:callback, value), do: is_function(value, 1)
  def valid?(:mfa, {module, function, arguments}), do: is_atom(module) and is_atom(function) and list?(arguments)
  def valid?(:mfa, _value), do: false
  def valid?(:ratio, value), do: is_number(value) and value > 0 and value <= 1
  def valid?(:percent, value), do: is_number(value) and value > 0 and value <= 100

  # Not is_list/1, which an improper list passes.
  defp list?(value), do: is_list(value) and List.improper?(value) == false

  @doc """
  A type in words, as they follow "to be".

      iex> Bloom.Config.Type.words({:or, [:atom, :string]})
      "an atom or a string"
  """
  @spec words(t()) :: String.t()
  def words({:or, types}), do: Enum.map_join(types, " or ", &words/1)
  def words({:in, values}), do: "one of " <> inspect(values)
  def words({:list, :atom}), do: "a list of atoms"
  def words({:list, :string}), do: "a list of strings"
  def words({:custom, _module, _function, words}), do: words
  def words(:atom), do: "an atom"
  def words(:module), do: "a module"
  def words(:string), do: "a string"
  def words(:boolean), do: "true or false"
  def words(:pos_integer), do: "a positive integer"
  def words(:non_neg_integer), do: "an integer that is not negative"
  def words(:callback), do: "a function of one argument"
  def words(:mfa), do: "{module, function, arguments}"
  def words(:ratio), do: "a number above 0 and up to 1"
  def words(:percent), do: "a percentage above 0 and up to 100"
end
