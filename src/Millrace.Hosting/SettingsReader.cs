using Microsoft.Extensions.Configuration;

namespace Millrace;

/// <summary>Reads the settings as the configuration has them now.</summary>
internal sealed class SettingsReader(IConfiguration configuration, IEnumerable<SettingsBinding> bindings)
{
    /// <summary>Whether the application takes these settings from the configuration.</summary>
    public bool Has(Type type) => bindings.Any(binding => binding.Type == type);

    /// <summary>Reads all; what cannot be read is added to the problems.</summary>
    public IReadOnlyDictionary<Type, object> Read(List<string> problems)
    {
        var found = new Dictionary<Type, object>();
        foreach (var binding in bindings)
        {
            var section = configuration.GetSection(binding.Section);
            try
            {
                // A section that is not there still binds a record whose every parameter has a default.
                if ((section.Exists() ? binding.Bind(section) : Default(binding.Type)) is { } settings)
                {
                    found[binding.Type] = settings;
                }
                else
                {
                    problems.Add(
                        $"The settings {binding.Type.Name} are not in the configuration: add the section \"{binding.Section}\" with {Parameters(binding.Type)}."
                    );
                }
            }
            catch (InvalidOperationException e)
            {
                problems.Add(
                    $"The settings {binding.Type.Name} cannot be read from the configuration section \"{binding.Section}\" (it should have {Parameters(binding.Type)}): {Startup.Reason(e)}"
                );
            }
        }
        return found;
    }

    private static object? Default(Type type)
    {
        var constructor = type.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length);
        return constructor is not null && Array.TrueForAll(constructor.GetParameters(), parameter => parameter.HasDefaultValue)
            ? constructor.Invoke([.. constructor.GetParameters().Select(parameter => parameter.DefaultValue)])
            : null;
    }

    private static string Parameters(Type type) =>
        type.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)?.GetParameters() is { Length: > 0 } parameters
            ? string.Join(", ", parameters.Select(parameter => parameter.Name + (parameter.HasDefaultValue ? " (optional)" : "")))
            : string.Join(", ", type.GetProperties().Select(property => property.Name));
}
