using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Millrace;

/// <summary>
/// The pages: one document for every address below the prefix, and its assets, embedded in this assembly. Nothing is loaded from anywhere else.
/// </summary>
internal static class Pages
{
    private static readonly Dictionary<string, Asset> Assets = Load();

    public static void Map(RouteGroupBuilder group, string prefix)
    {
        group.MapGet("/assets/{name}", (string name, HttpContext http) => Send(name, http));
        foreach (
            var page in (string[])
                [
                    "",
                    "/events",
                    "/intents",
                    "/entity",
                    "/entity/{aggregate}/{*id}",
                    "/held",
                    "/views",
                    "/views/{name}",
                    "/timers",
                    "/replay",
                ]
        )
        {
            group.MapGet(page, (HttpContext http) => Document(http, prefix));
        }
    }

    private static IResult Document(HttpContext http, string prefix)
    {
        Secure(http);
        // Pages stand at any depth, so that addresses of assets are relative to where they are mounted.
        var root = $"{http.Request.PathBase}{prefix.TrimEnd('/')}/";
        var html = Encoding.UTF8.GetString(Assets["index.html"].Bytes).Replace("{{base}}", root, StringComparison.Ordinal);
        return Results.Text(html, "text/html; charset=utf-8");
    }

    private static IResult Send(string name, HttpContext http)
    {
        if (!Assets.TryGetValue(name, out var asset) || name == "index.html")
        {
            return Results.NotFound();
        }
        Secure(http);
        http.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(asset.Bytes, asset.Type, entityTag: asset.Tag);
    }

    private static void Secure(HttpContext http)
    {
        http.Response.Headers.ContentSecurityPolicy = "default-src 'self'; frame-ancestors 'self'; base-uri 'self'; form-action 'self'";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers["Referrer-Policy"] = "same-origin";
    }

    private static Dictionary<string, Asset> Load()
    {
        var assets = new Dictionary<string, Asset>();
        var assembly = typeof(Pages).Assembly;
        foreach (
            var resource in assembly.GetManifestResourceNames().Where(resource => resource.StartsWith("assets/", StringComparison.Ordinal))
        )
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexString(SHA256.HashData(bytes).AsSpan(0, 8))}\"");
            assets.Add(resource["assets/".Length..], new Asset(bytes, TypeOf(resource), tag));
        }
        return assets;
    }

    private static string TypeOf(string name) =>
        Path.GetExtension(name) switch
        {
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };

    private sealed record Asset(byte[] Bytes, string Type, EntityTagHeaderValue Tag);
}
