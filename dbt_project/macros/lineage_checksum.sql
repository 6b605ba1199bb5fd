{#-
One hash for the code that makes a table: md5 of the sorted, comma-joined checksums of the model and of all models
upstream of it. A changed intermediate view changes the features too, though not their own file.
-#}
{% macro lineage_checksum(node) -%}
    {%- set checksums = [] -%}
    {%- for id in lineage(node) -%}{%- do checksums.append(graph.nodes[id].checksum.checksum) -%}{%- endfor -%}
    {{ return(local_md5(checksums | sort | join(','))) }}
{%- endmacro %}

{#- The ids of a model and of all models upstream of it. -#}
{% macro lineage(node) -%}
    {%- set ids = [node.unique_id] -%}
    {#- Jinja iterates over the list while it grows: a walk in breadth. -#}
    {%- for id in ids -%}
        {%- for parent in graph.nodes[id].depends_on.nodes if parent.startswith('model.') and parent not in ids -%}
            {%- do ids.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(ids) }}
{%- endmacro %}
