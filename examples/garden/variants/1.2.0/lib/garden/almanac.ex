defmodule Garden.Almanac do
  @moduledoc "Knows proverbs, without a process."

  @doc false
  def proverbs, do: ["April showers bring May flowers"]
end
