using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace.Dashboard.Tests;

public sealed class AccessTests
{
    [Fact]
    public async Task A_host_that_listens_beyond_this_machine_without_a_policy_does_not_start()
    {
        var refused = await Assert.ThrowsAsync<MillraceStartException>(() => Desk.OpenAsync("http://0.0.0.0:0"));

        var problem = Assert.Single(refused.Problems);
        Assert.StartsWith("Millrace's pages would be open to everybody who reaches http://0.0.0.0:", problem, StringComparison.Ordinal);
        Assert.Contains("RequireAuthorization(\"operators\")", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Anonymous_access_by_name_is_no_policy() =>
        await Assert.ThrowsAsync<MillraceStartException>(() =>
            Desk.OpenAsync(
                "http://0.0.0.0:0",
                Operators,
                app => app.MapMillrace().RequireAuthorization("operators").WithMetadata(new AllowAnonymousAttribute())
            )
        );

    [Fact]
    public async Task With_a_policy_it_listens_anywhere_and_strangers_are_turned_away()
    {
        await using var desk = await Desk.OpenAsync("http://0.0.0.0:0", Operators, MapForOperators);
        using var client = new HttpClient
        {
            BaseAddress = new Uri(desk.Client.BaseAddress!.AbsoluteUri.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)),
        };

        var answer = await client.GetAsync(new Uri("api/status", UriKind.Relative), Desk.Stop);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("Host", "millrace.example.com")]
    [InlineData("X-Forwarded-For", "192.0.2.7")]
    [InlineData("Forwarded", "for=192.0.2.7")]
    public async Task A_request_that_comes_from_elsewhere_is_refused(string header, string value)
    {
        await using var desk = await Desk.OpenAsync();
        foreach (var path in (string[])["", "api/status", "assets/app.js"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation(header, value);

            var answer = await desk.Client.SendAsync(request, Desk.Stop);

            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Origin", "http://127.0.0.1:1")]
    [InlineData("Origin", "null")]
    public async Task Another_sites_page_changes_nothing(string header, string value)
    {
        await using var desk = await Desk.OpenAsync();

        var answer = await desk.PostAsync(
            "api/held/retry",
            new
            {
                aggregate = "parcel",
                entity = "1",
                reason = "because",
            },
            (header, value)
        );

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task A_form_changes_nothing()
    {
        await using var desk = await Desk.OpenAsync();
        using var form = new FormUrlEncodedContent([new("aggregate", "parcel"), new("entity", "1"), new("reason", "because")]);

        var answer = await desk.Client.PostAsync(new Uri("api/held/retry", UriKind.Relative), form, Desk.Stop);

        Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.Forbidden, HttpStatusCode.UnsupportedMediaType]);
    }

    private static void Operators(WebApplicationBuilder builder)
    {
        builder
            .Services.AddAuthentication("none")
            .AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, Nobody>("none", null);
        builder.Services.AddAuthorizationBuilder().AddPolicy("operators", policy => policy.RequireAuthenticatedUser());
    }

    private static void MapForOperators(WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapMillrace("/millrace").RequireAuthorization("operators");
    }
}
