defmodule Garden.Routes do
  @moduledoc "What is answered to which request."

  alias Garden.{Beds, Rain}

  @doc "Status and body for a path and its query."
  def answer("/version", _query), do: {"200 OK", System.fetch_env!("RELEASE_VSN")}
  def answer("/water", %{"bed" => bed}), do: {"200 OK", to_string(Beds.water(bed))}
  def answer("/beds", _query), do: {"200 OK", to_string(Beds.total())}
  def answer("/rain", %{"mm" => mm}), do: {"200 OK", mm |> String.to_integer() |> Rain.fall() |> to_string()}
  def answer(_path, _query), do: {"404 Not Found", "not in this garden"}
end
