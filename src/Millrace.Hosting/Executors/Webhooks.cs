using System.Globalization;
using System.Text;

namespace Millrace;

/// <summary>
/// Calls webhooks: POST, JSON, with the intent's id as <c>Idempotency-Key</c>. Any answer but 2xx is a failure and tried again.
/// </summary>
internal sealed class Webhooks : IExecutor<Webhook>
{
    // One client for all: connections are pooled, and given up now and then so that a changed address is noticed.
    private static readonly HttpClient Client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(2) })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    public async Task ExecuteAsync(Intent<Webhook> intent, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, intent.Value.Url)
        {
            Content = new StringContent(intent.Value.Body, Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", intent.Id);
        request.Headers.TryAddWithoutValidation("Millrace-Reaction", intent.Reaction);
        request.Headers.TryAddWithoutValidation("Millrace-Time", intent.Time.ToString("O", CultureInfo.InvariantCulture));
        using var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException(
                $"{request.RequestUri?.GetLeftPart(UriPartial.Path)} answered {(int)response.StatusCode} {response.ReasonPhrase}.",
                null,
                response.StatusCode
            );
        }
    }
}
