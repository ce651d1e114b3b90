defmodule Garden.Web do
  @moduledoc "The garden over HTTP, on OTP's `:inets`, loopback only."

  require Record
  Record.defrecordp(:request, :mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))

  @soil Application.compile_env(:garden, :soil)

  def child_spec(_opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}, type: :supervisor}

  def start_link do
    :inets.start(
      :httpd,
      [
        port: Application.fetch_env!(:garden, :port),
        bind_address: {127, 0, 0, 1},
        server_name: ~c"garden",
        server_root: to_charlist(System.tmp_dir!()),
        document_root: to_charlist(System.tmp_dir!()),
        max_clients: 1000,
        modules: [__MODULE__]
      ],
      :stand_alone
    )
  end

  @doc false
  def unquote(:do)(request(request_uri: uri, socket_type: type, socket: socket)) do
    {path, query} = uri |> to_string() |> split()
    {status, body} = answer(path, URI.decode_query(query))

    # In one piece: httpd would write head and body apart, and the second would wait for the first's acknowledgement.
    head = "HTTP/1.1 #{status}\r\ncontent-type: text/plain\r\ncontent-length: #{byte_size(body)}\r\n\r\n"
    :httpd_socket.deliver(type, socket, [head, body])
    {:proceed, [response: {:already_sent, elem(Integer.parse(status), 0), byte_size(body)}]}
  end

  defp split(uri) do
    case String.split(uri, "?", parts: 2) do
      [path, query] -> {path, query}
      [path] -> {path, ""}
    end
  end

  defp answer("/version", _query), do: {"200 OK", System.fetch_env!("RELEASE_VSN")}
  defp answer("/water", %{"bed" => bed}), do: {"200 OK", to_string(Garden.Beds.water(bed))}
  defp answer("/health", _query), do: {"200 OK", to_string(Garden.Health.look())}
  defp answer("/beds", _query), do: {"200 OK", to_string(Garden.Beds.total())}
  defp answer("/describe", _query), do: {"200 OK", Garden.Describe.describe(%Garden.Rose{})}
  defp answer("/seeds", _query), do: {"200 OK", Enum.join(GardenSeeds.stock(), " ")}
  defp answer("/season", _query), do: {"200 OK", Application.fetch_env!(:garden, :season)}
  defp answer("/owner", _query), do: {"200 OK", Application.fetch_env!(:garden, :owner)}
  defp answer("/soil", _query), do: {"200 OK", @soil}
  defp answer("/put", %{"name" => name}), do: {"200 OK", Garden.Store.put(name)}
  defp answer("/store", _query), do: {"200 OK", Garden.Store.all()}
  defp answer(_path, _query), do: {"404 Not Found", "not in this garden"}
end
